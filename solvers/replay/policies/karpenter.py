"""Karpenter as far as its source says what it does (kubernetes-sigs/karpenter and its AWS provider, read 2026-10).

Pending pods are batched and packed by first fit with a late choice of type; a launch names all types that fit, on Spot
while any pool is thought to have room, else on demand. A pool that refused or took a node is avoided for three minutes,
by this cluster alone. Consolidation removes nodes whose pods fit elsewhere, or on one cheaper new node; a Spot node is
never replaced by another Spot node (SpotToSpotConsolidation is off by default).
"""

from collections.abc import Sequence

from domain.market import Pool
from solvers.replay.cluster import Cluster
from solvers.replay.machine import Machine, Stage
from solvers.replay.market import PoolTape
from solvers.replay.policies.base import Bystander, Room, unplaced
from solvers.replay.policies.first_fit import Bin, pack

BATCH_IDLE_S = 1.0
"""Pods that turn up within this are planned together (pkg/operator/options/options.go)."""
RETRY_S = 10.0
"""Until pods are planned again whose launch was refused (the longest batch window)."""
MEMORY_S = 180.0
"""For how long a pool without room is avoided (pkg/cache/cache.go of the AWS provider)."""
MOST_TYPES = 60
"""Types in one launch request (pkg/providers/instance/instance.go)."""
CONSOLIDATE_AFTER_S = 45.0
"""consolidateAfter 30 s and the delay of 15 s before a command is validated (consolidation.go:45)."""
BUDGET = 0.1
"""Share of the nodes that may be disrupted at once."""
MOST_TOGETHER = 100
"""Candidates of one multi-node consolidation."""


class Karpenter(Bystander):
    """One NodePool with Spot and on-demand capacity, consolidation WhenEmptyOrUnderutilized, interruptions handled."""

    def begin(self, cluster: Cluster) -> None:
        """Launch what the pods need."""
        self.cluster = cluster
        self._avoided: dict[Pool, float] = {}
        self._batching = self._looking = False
        self._replacing: dict[Machine, tuple[Machine, ...]] = {}
        for _ in range(len(cluster.market.tapes) + 1):
            if not self._provision(ready=True):
                break

    def on_pending(self) -> None:
        """Wait for the batch to fill."""
        self._soon(BATCH_IDLE_S)

    def on_notice(self, machine: Machine, ends_s: float) -> None:
        """Avoid the pool for a while, and drain at once."""
        if machine.tape is not None:
            self._avoid(machine.tape)
        self.cluster.drain(machine)

    def on_ready(self, machine: Machine) -> None:
        """A replacement is there: what it replaces goes."""
        for old in self._replacing.pop(machine, ()):
            if old.stage is not Stage.ENDED:
                self.cluster.drain(old)

    def on_lost(self, machine: Machine) -> None:
        """A replacement that never came replaces nothing: what it was to replace stays."""
        self._replacing.pop(machine, None)

    def on_drained(self, machine: Machine) -> None:
        """End it."""
        self.cluster.end(machine)

    def on_quiet(self) -> None:
        """Look for what can be consolidated."""
        self._look_in(CONSOLIDATE_AFTER_S)

    def _look_in(self, seconds: float) -> None:
        if not self._looking:
            self._looking = True
            self.cluster.agenda.at(self.cluster.now_s + seconds, self._look, None)

    def _soon(self, seconds: float) -> None:
        if not self._batching:
            self._batching = True
            self.cluster.agenda.at(self.cluster.now_s + seconds, self._batch, None)

    def _batch(self, _: None) -> None:
        self._batching = False
        if self._provision(ready=False):
            self._soon(RETRY_S)

    def _provision(self, *, ready: bool) -> bool:
        """Launch for the pods that wait; whether some launch was refused and must be tried again."""
        spot = self._spot_prices()
        price = {**self.cluster.market.on_demand_usd_per_h, **spot}
        launched = [self._launch(one, spot, price=price, ready=ready) for one in self.packed(price)]
        return None in launched

    def _launch(self, one: Bin, spot: dict[str, float], *, price: dict[str, float], ready: bool) -> Machine | None:
        ranked = sorted(one.kinds, key=lambda kind: (price[kind.name], kind.name))[:MOST_TYPES]
        names = {kind.name for kind in ranked if kind.name in spot}
        if not names:
            market = self.cluster.market
            zone = market.zones[min(market.zones)]
            return self.cluster.launch_on_demand(one.cheapest(market.on_demand_usd_per_h), zone, ready=ready)
        tapes = [tape for tape in self._offered() if tape.pool.instance_type in names]
        _, refused = self.cluster.cloud.choose(tapes)
        for tape in refused:
            self._avoid(tape)
        return self.cluster.launch_spot(tapes, ready=ready)

    def _avoid(self, tape: PoolTape) -> None:
        self._avoided[tape.pool] = self.cluster.now_s + MEMORY_S

    def _offered(self) -> list[PoolTape]:
        now = self.cluster.now_s
        return [tape for tape in self.cluster.market.tapes if self._avoided.get(tape.pool, 0.0) <= now]

    def _spot_prices(self) -> dict[str, float]:
        price: dict[str, float] = {}
        for tape in self._offered():
            name, usd = tape.pool.instance_type, tape.price.at(self.cluster.now_s)
            price[name] = min(usd, price.get(name, usd))
        return price

    def _look(self, _: None) -> None:
        """One pass: empty nodes, then several at once, then one."""
        self._looking = False
        if self.cluster.pending or self._replacing:
            return
        nodes = [one for one in self.cluster.machines.values() if one.stage is Stage.READY and not one.going]
        for machine in [one for one in nodes if not one.pods]:
            self.cluster.end(machine)
        most = max(1, int(BUDGET * len(nodes)))
        candidates = sorted((one for one in nodes if one.pods), key=lambda one: (len(one.pods), one.number))
        together = self._prefix(candidates[: min(most, MOST_TOGETHER)])
        if together:
            self._remove(together)
            return
        for machine in candidates:
            if self._removable((machine,)):
                self._remove((machine,))
                return
        if not all(machine.spot for machine in nodes):
            self._look_in(MEMORY_S)

    def _prefix(self, candidates: Sequence[Machine]) -> tuple[Machine, ...]:
        """The longest prefix of at least two that a binary search finds removable."""
        low, high, found = 2, len(candidates), 0
        while low <= high:
            middle = (low + high) // 2
            if self._removable(tuple(candidates[:middle])):
                found, low = middle, middle + 1
            else:
                high = middle - 1
        return tuple(candidates[:found])

    def _removable(self, machines: tuple[Machine, ...]) -> bool:
        return self._replacement(machines) is not None

    def _replacement(self, machines: tuple[Machine, ...]) -> list[Bin] | None:
        """New nodes that the pods of these would need: none or one cheaper; ``None`` when they must stay."""
        gone = set(machines)
        others = [
            one for one in self.cluster.machines.values()
            if one not in gone and not one.going and one.stage in (Stage.READY, Stage.BOOTING)
        ]  # fmt: skip
        left = unplaced([pod for machine in machines for pod in machine.pods], [Room(one) for one in others])
        if not left:
            return []
        if any(machine.spot for machine in machines):
            return None
        spot = self._spot_prices()
        price = {**self.cluster.market.on_demand_usd_per_h, **spot}
        bins = pack(left, self.cluster.market.types.values(), most_price=price)
        paid = sum(machine.price.at(self.cluster.now_s) for machine in machines)
        if len(bins) != 1 or price[bins[0].cheapest(price).name] >= paid:
            return None
        return bins

    def _remove(self, machines: tuple[Machine, ...]) -> None:
        bins = self._replacement(machines)
        if not bins:
            for machine in machines:
                self.cluster.drain(machine)
            return
        spot = self._spot_prices()
        price = {**self.cluster.market.on_demand_usd_per_h, **spot}
        fresh = self._launch(bins[0], spot, price=price, ready=False)
        if fresh is None:
            self._look_in(MEMORY_S)
        else:
            self._replacing[fresh] = machines
