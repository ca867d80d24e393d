"""A simulated Kubernetes cluster: a scheduler, controllers that replace pods, evictions under budgets, drains.

The scheduler takes the node with most room left (LeastAllocated, the default of kube-scheduler). A pod that leaves its
node is replaced at once, and waits until there is a place.
"""

from collections.abc import Sequence

from domain.market import InstanceType, Zone
from domain.resources import Resources
from solvers.replay.cloud import Cloud
from solvers.replay.machine import Group, Machine, SimPod, Stage
from solvers.replay.market import SECONDS_PER_H, PoolTape
from solvers.replay.policy import Policy
from solvers.replay.tally import Tally
from solvers.replay.workload import Arrival, PodGroup, Workload

EVICT_AGAIN_S = 5.0
"""Between two tries of an eviction that a budget forbids, as `kubectl drain` does."""

FAILING_S = SECONDS_PER_H
"""A node that AWS takes within as long was launched into a failing pool."""

_BATCH = PodGroup(name="batch", replicas=0, requests=Resources())
"""What pods that come and go belong to: no number of them is wanted, and no budget protects them."""


class Cluster:
    """One cluster of one organisation.

    Parameters
    ----------
    index, tenant
        Its number in the world, and whose it is.
    loss_share
        Taking more than this share of its vCPUs within a notice period is a large loss.
    """

    def __init__(
        self, cloud: Cloud, workload: Workload, *, index: int = 0, tenant: str = "tenant-0", loss_share: float = 0.5
    ) -> None:
        self.cloud, self.agenda, self.market = cloud, cloud.agenda, cloud.market
        self.workload, self.index, self.tenant, self.loss_share = workload, index, tenant, loss_share
        self.tally = Tally()
        self.machines: dict[str, Machine] = {}
        self.pending: dict[SimPod, None] = {}
        self.groups = [Group(spec) for spec in workload.groups]
        self.policy: Policy
        self._batch = Group(_BATCH)
        self._waits = self._told = 0
        self._lost_vcpu: list[tuple[float, int]] = []
        self._vcpu = 0
        self._settling = False

    @property
    def now_s(self) -> float:
        """Seconds since the start."""
        return self.agenda.now_s

    def begin(self, policy: Policy) -> None:
        """Hand the cluster to its policy; everything that has a place then is ready at once."""
        self.policy = policy
        for group in self.groups:
            spec = group.spec
            for ordinal in range(spec.replicas):
                pod = SimPod(f"{spec.namespace}/{spec.name}-{ordinal}", group)
                group.pods.append(pod)
                self._wait(pod)
        policy.begin(self)
        self._place_all()
        for group in self.groups:
            for pod in group.pods:
                if pod.node is not None:
                    self._become_ready((pod, pod.epoch))
        for arrival in self.workload.arrivals:
            if arrival.at_s < self.market.horizon_s:
                self.agenda.at(arrival.at_s, self._arrive, arrival)
        self.settle()

    def settle(self) -> None:
        """Give waiting pods their places, and tell the policy how things stand."""
        if self._settling:
            return
        self._settling = True
        self._place_all()
        if not self.pending:
            self.policy.on_quiet()
        elif self._told != self._waits:
            self._told = self._waits
            self.policy.on_pending()
        self._settling = False

    def place_now(self) -> None:
        """Give waiting pods places on what is ready, without telling anybody: for building the first fleet."""
        self._place_all()

    def ask_again(self) -> None:
        """Tell the policy once more of pods that still have no place."""
        self._waits += 1
        self.settle()

    def launch_spot(self, tapes: Sequence[PoolTape], *, ready: bool = False) -> Machine | None:
        """Launch in the cheapest of these pools that has room; ``None`` when none has."""
        tape, refused = self.cloud.choose(tapes)
        self.tally.refused += len(refused)
        self.tally.failing_launches += len(refused)
        return None if tape is None else self._entered(self.cloud.launch_spot(self, tape, ready=ready))

    def launch_on_demand(self, kind: InstanceType, zone: Zone, *, ready: bool = False) -> Machine:
        """Launch a node that AWS never takes."""
        return self._entered(self.cloud.launch_on_demand(self, kind, zone, ready=ready))

    def cordon(self, machine: Machine) -> None:
        """No further pods go there."""
        if machine.stage is Stage.READY:
            machine.stage = Stage.CORDONED

    def uncordon(self, machine: Machine) -> None:
        """Pods may go there again."""
        if machine.stage is Stage.CORDONED:
            machine.stage = Stage.READY
            self.settle()

    def drain(self, machine: Machine) -> None:
        """Cordon a node and evict its pods, as their budgets allow, until none is left or the node ends."""
        if machine.stage is Stage.BOOTING:
            machine.stage = Stage.CORDONED
        self.cordon(machine)
        self._drain_on(machine)

    def evict(self, pod: SimPod) -> bool:
        """Evict one pod; false when its budget forbids it now."""
        machine = pod.node
        if machine is None or not pod.group.may_lose(pod):
            return False
        if machine.going:
            self.tally.drained += 1
        else:
            self.tally.evictions += 1
        self._unplace(pod)
        return True

    def end(self, machine: Machine) -> None:
        """End a node; pods that are still on it go down with it, which breaks budgets."""
        if machine.stage is Stage.ENDED:
            return
        self.tally.ended_nodes += not machine.going
        for pod in list(machine.pods):
            self.tally.budget_breaches += not machine.going and not pod.group.may_lose(pod)
            self._unplace(pod)
        self._leave(machine)
        self.settle()

    def on_booted(self, machine: Machine) -> None:
        """The node takes pods now."""
        self.policy.on_ready(machine)
        self.settle()

    def on_taken(self, machine: Machine) -> None:
        """AWS has decided to take the node."""
        self.tally.interruptions += 1
        self.tally.failing_launches += self.now_s - machine.launched_s <= FAILING_S
        self._count_loss(machine.kind.vcpu)

    def on_noticed(self, machine: Machine, ends_s: float) -> None:
        """The notice has come."""
        machine.noticed = True
        self.policy.on_notice(machine, ends_s)
        self.settle()

    def on_gone(self, machine: Machine) -> None:
        """AWS has taken the node, with whatever was still on it."""
        self.tally.unannounced += not machine.noticed
        for pod in list(machine.pods):
            self.tally.kills += 1
            self._unplace(pod)
        self._leave(machine)
        self.policy.on_lost(machine)
        self.settle()

    def finish(self) -> Tally:
        """Count what is still running, up to now."""
        self.policy.finish()
        for machine in list(self.machines.values()):
            self._leave(machine)
        for group in self.groups:
            group.change(0, self.now_s)
            self.tally.lost_pod_min += group.lost_s / 60
        return self.tally

    def _entered(self, machine: Machine) -> Machine:
        self.tally.launches += 1
        self.machines[machine.name] = machine
        self._vcpu += machine.kind.vcpu
        return machine

    def _leave(self, machine: Machine) -> None:
        self.cloud.end(machine)
        del self.machines[machine.name]
        self._vcpu -= machine.kind.vcpu
        begin_s, end_s = machine.launched_s, self.now_s
        self.tally.cost_usd += machine.price.cost_usd(begin_s, end_s)
        hours = (end_s - begin_s) / SECONDS_PER_H
        if machine.spot:
            self.tally.spot_h += hours
        else:
            self.tally.on_demand_h += hours

    def _count_loss(self, vcpu: int) -> None:
        """Count a large loss once, when the share is first exceeded within a notice period."""
        since_s = self.now_s - self.market.notice.ahead_s
        before = [one for one in self._lost_vcpu if one[0] > since_s]
        lost, limit = sum(one[1] for one in before), self.loss_share * self._vcpu
        self.tally.large_losses += lost <= limit < lost + vcpu
        self._lost_vcpu = [*before, (self.now_s, vcpu)]

    def _drain_on(self, machine: Machine) -> None:
        if machine.stage is not Stage.CORDONED:
            return
        for pod in list(machine.pods):
            self.evict(pod)
        if machine.pods:
            self.agenda.at(self.now_s + EVICT_AGAIN_S, self._drain_on, machine)
        else:
            self.policy.on_drained(machine)
        self.settle()

    def _place_all(self) -> None:
        if not self.pending:
            return
        hopeless: set[tuple[int, int, int]] = set()
        for pod in list(self.pending):
            size = (pod.cpu, pod.memory, pod.gpus)
            if size in hopeless:
                continue
            machine = self._roomiest(pod)
            if machine is None:
                hopeless.add(size)
            else:
                self._place(pod, machine)

    def _roomiest(self, pod: SimPod) -> Machine | None:
        best, most = None, -1.0
        for machine in self.machines.values():
            if machine.fits(pod):
                room = machine.kind.allocatable
                score = machine.cpu / room.cpu_mcpu + machine.memory / room.memory_bytes
                if score > most:
                    best, most = machine, score
        return best

    def _place(self, pod: SimPod, machine: Machine) -> None:
        del self.pending[pod]
        machine.take(pod)
        pod.node = machine
        pod.epoch += 1
        if pod.arrival is not None:
            self.tally.waited_min += (self.now_s - pod.since_s) / 60
            self.agenda.at(self.now_s + pod.arrival.runs_s, self._finish, (pod, pod.epoch))
        else:
            self.agenda.at(self.now_s + pod.group.spec.start_s, self._become_ready, (pod, pod.epoch))

    def _unplace(self, pod: SimPod) -> None:
        machine = pod.node
        if machine is None:
            return
        machine.give_back(pod)
        pod.node = None
        pod.epoch += 1
        pod.since_s = self.now_s
        if pod.ready:
            pod.ready = False
            pod.group.change(-1, self.now_s)
        self.tally.reruns += pod.arrival is not None
        self._wait(pod)

    def _wait(self, pod: SimPod) -> None:
        self.pending[pod] = None
        self._waits += 1

    def _become_ready(self, subject: tuple[SimPod, int]) -> None:
        pod, epoch = subject
        if pod.epoch == epoch and not pod.ready:
            pod.ready = True
            pod.group.change(1, self.now_s)

    def _arrive(self, arrival: Arrival) -> None:
        pod = SimPod(f"batch/{arrival.name}", self._batch, arrival)
        pod.since_s = self.now_s
        self._wait(pod)
        self.settle()

    def _finish(self, subject: tuple[SimPod, int]) -> None:
        pod, epoch = subject
        if pod.epoch != epoch or pod.node is None:
            return
        pod.node.give_back(pod)
        pod.node = None
        pod.epoch += 1
        self.tally.finished += 1
        self.settle()
