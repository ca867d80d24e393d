"""cluster-autoscaler with Auto Scaling groups of one type each, and the node termination handler.

For each type there is a Spot group over all zones and an on-demand group. Waiting pods grow the group that wastes
least, Spot before on demand; a group that AWS has no room for is left alone for five minutes, twice as long each time
up to thirty (its flags' defaults). A node that AWS takes is drained by the termination handler, and its group launches
another one by itself. Nodes below half use are removed after ten minutes when their pods fit elsewhere.
"""

from dataclasses import dataclass

from domain.market import InstanceType
from solvers.replay.cluster import Cluster
from solvers.replay.machine import Machine, SimPod, Stage
from solvers.replay.market import PoolTape
from solvers.replay.policies.base import Bystander, Room, unplaced
from solvers.replay.policies.first_fit import Bin, pack

SCAN_S = 10.0
"""Between two looks at the cluster (--scan-interval)."""
UNNEEDED_S = 600.0
"""How long a node must be of little use (--scale-down-unneeded-time)."""
LITTLE_USE = 0.5
"""Of CPU and of memory (--scale-down-utilization-threshold)."""
BACKOFF_S, LONGEST_BACKOFF_S = 300.0, 1_800.0
"""--initial-node-group-backoff-duration, --max-node-group-backoff-duration."""
REPLACE_S = 60.0
"""Until a group has noticed that an instance is missing."""


@dataclass(slots=True)
class _Group:
    """An Auto Scaling group: a type, and its Spot pools, none for on demand."""

    kind: InstanceType
    tapes: tuple[PoolTape, ...]
    rests_until_s: float = 0.0
    backoff_s: float = BACKOFF_S


class Autoscaler(Bystander):
    """Groups that grow and shrink by what waits and what stands idle."""

    def begin(self, cluster: Cluster) -> None:
        """Launch what the pods need."""
        self.cluster = cluster
        market = cluster.market
        kinds = sorted(market.types.values(), key=lambda kind: kind.name)
        spot = (_Group(k, tuple(t for t in market.tapes if t.pool.instance_type == k.name)) for k in kinds)
        self._groups = [*(group for group in spot if group.tapes), *(_Group(kind, ()) for kind in kinds)]
        self._group_of: dict[Machine, _Group] = {}
        self._scanning = self._shrinking = False
        for _ in range(len(self._groups)):
            if not self._grow(ready=True):
                break

    def on_pending(self) -> None:
        """Look at them at the next scan."""
        self._scan_later()

    def on_notice(self, machine: Machine, ends_s: float) -> None:
        """The termination handler drains it."""
        self.cluster.drain(machine)

    def on_lost(self, machine: Machine) -> None:
        """Its group wants as many nodes as before."""
        group = self._group_of.pop(machine)
        self.cluster.agenda.at(self.cluster.now_s + REPLACE_S, self._replace, group)

    def on_drained(self, machine: Machine) -> None:
        """End what was removed for want of use; what AWS takes ends by itself."""
        if not machine.going:
            self.cluster.end(machine)

    def on_quiet(self) -> None:
        """Look for idle nodes after a while."""
        if not self._shrinking:
            self._shrinking = True
            self.cluster.agenda.at(self.cluster.now_s + UNNEEDED_S, self._shrink, None)

    def _scan_later(self) -> None:
        if not self._scanning:
            self._scanning = True
            self.cluster.agenda.at(self.cluster.now_s + SCAN_S, self._scan, None)

    def _scan(self, _: None) -> None:
        self._scanning = False
        if self._grow(ready=False):
            self._scan_later()

    def _grow(self, *, ready: bool) -> bool:
        """Grow one group; whether to look again soon."""
        pods = self.uncovered()
        if not pods:
            return False
        now = self.cluster.now_s
        awake = [group for group in self._groups if group.rests_until_s <= now]
        options = [(group, _bins(pods, group.kind)) for group in awake]
        options = [(group, bins) for group, bins in options if bins]
        if not options:
            return False
        group, bins = min(options, key=lambda one: (not one[0].tapes, _waste(*one), one[0].kind.name))
        for _ in bins:
            if not self._launch(group, ready=ready):
                self._rest(group)
                return True
        return sum(len(one.pods) for one in bins) < len(pods)

    def _launch(self, group: _Group, *, ready: bool) -> bool:
        cluster = self.cluster
        if group.tapes:
            machine = cluster.launch_spot(group.tapes, ready=ready)
        else:
            zone = cluster.market.zones[min(cluster.market.zones)]
            machine = cluster.launch_on_demand(group.kind, zone, ready=ready)
        if machine is not None:
            self._group_of[machine] = group
            group.backoff_s = BACKOFF_S
        return machine is not None

    def _rest(self, group: _Group) -> None:
        group.rests_until_s = self.cluster.now_s + group.backoff_s
        group.backoff_s = min(2 * group.backoff_s, LONGEST_BACKOFF_S)

    def _replace(self, group: _Group) -> None:
        """A group replaces a lost instance unless there is no room: then it is the autoscaler's turn."""
        if self.cluster.pending and not self._launch(group, ready=False):
            self._rest(group)
            self._scan_later()

    def _shrink(self, _: None) -> None:
        self._shrinking = False
        if self.cluster.pending:
            return
        for machine in list(self.cluster.machines.values()):
            if machine.stage is Stage.READY and not machine.going and _use(machine) < LITTLE_USE:
                others = [o for o in self.cluster.machines.values() if o is not machine and o.stage is Stage.READY]
                if not unplaced(machine.pods, [Room(one) for one in others if not one.going]):
                    self._group_of.pop(machine, None)
                    self.cluster.drain(machine)
                    return


def _bins(pods: list[SimPod], kind: InstanceType) -> list[Bin]:
    return pack(pods, (kind,), most_price={kind.name: 1.0})


def _waste(group: _Group, bins: list[Bin]) -> float:
    """Share of CPU and memory that would stand idle (the expander ``least-waste``)."""
    room = group.kind.allocatable
    cpu = sum(one.cpu for one in bins) / (len(bins) * room.cpu_mcpu)
    memory = sum(one.memory for one in bins) / (len(bins) * room.memory_bytes)
    return 2.0 - cpu - memory


def _use(machine: Machine) -> float:
    room = machine.kind.allocatable
    return max(1 - machine.cpu / room.cpu_mcpu, 1 - machine.memory / room.memory_bytes)
