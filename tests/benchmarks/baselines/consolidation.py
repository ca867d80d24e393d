"""Consolidation as Karpenter does it: delete or replace by one, from the nodes that run.

Behaviour after kubernetes-sigs/karpenter ``pkg/controllers/disruption`` (read mid 2026): empty nodes go first; then a
binary search over a prefix of at most 100 candidates, sorted by price per unit of disruption, that can be replaced by
nothing or by one cheaper node; then one node at a time the same way; until nothing more is found. In Karpenter's favour
disruption budgets are wide open, validation always agrees, and a search goes on behind its last success instead of
starting over after each command.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from domain.market import Catalog
from domain.node import Node
from domain.resources import total
from domain.workload import Pod
from tests.benchmarks.baselines.encode import Bools, Demand, Ints, encode_demand, encode_market, resource_names, vectors
from tests.benchmarks.baselines.first_fit import cheapest_offer, empty_state, largest_first, problem_of
from tests.benchmarks.baselines.judge import admits, tolerates
from tests.benchmarks.baselines.kernel import UNPLACED, lift, pack, settle
from tests.benchmarks.workloads.parts import Workload

MOST_CANDIDATES = 100
"""Nodes that one multi-node search looks at."""

COMMAND_S = 15.0
"""Karpenter validates a command for this long before it acts: the least that a command takes in real time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Consolidated:
    """What consolidation came to. ``finished`` is false when the time ran out before nothing more was found."""

    cost_before_usd_per_h: float
    cost_after_usd_per_h: float
    evictions: int
    commands: int
    seconds: float
    finished: bool

    @property
    def saving_usd_per_h(self) -> float:
        """What the commands take off the bill."""
        return self.cost_before_usd_per_h - self.cost_after_usd_per_h


@dataclass(frozen=True, slots=True, kw_only=True)
class _Command:
    candidates: tuple[int, ...]
    pods: Ints
    place: Ints
    offer: tuple[int, int] | None


def consolidate(
    workload: Workload, *, limit_s: float = float("inf"), clock: Callable[[], float] = time.perf_counter
) -> Consolidated:
    """Run consolidation to its end, or until the time is up."""
    fleet = _Fleet(workload)
    before, started = fleet.cost(), clock()
    finished = fleet.run(lambda: clock() - started < limit_s)
    return Consolidated(
        cost_before_usd_per_h=before,
        cost_after_usd_per_h=fleet.cost(),
        evictions=fleet.evictions,
        commands=fleet.commands,
        seconds=clock() - started,
        finished=finished,
    )


class _Fleet:
    """The nodes while they are consolidated. Slots: the running nodes, then room for as many replacements."""

    def __init__(self, workload: Workload) -> None:
        snapshot = workload.snapshot
        movable = [pod for pod in snapshot.pods if not pod.is_daemon and not pod.is_mirror]
        names = resource_names(snapshot.pods)
        self._market = encode_market(_less_daemons(workload), workload.policy, resources=names)
        self._demand = encode_demand(movable, self._market)
        slots = 2 * len(snapshot.nodes)
        self._fill_slots(snapshot.nodes, slots, fixed=[pod for pod in snapshot.pods if pod.is_daemon or pod.is_mirror])
        index = {node.name: n for n, node in enumerate(snapshot.nodes)}
        self._home = np.array([index[pod.node_name] for pod in movable], dtype=np.int64)
        settle(self._problem, self._state, self._demand.class_of, self._home)
        self._rank = np.argsort(largest_first(self._demand, self._market))
        self._protected = np.zeros(slots, np.bool_)
        self._protected[self._home[[bool(pod.do_not_disrupt) for pod in movable]]] = True
        self.evictions = self.commands = 0

    def _fill_slots(self, nodes: Sequence[Node], slots: int, *, fixed: Iterable[Pod]) -> None:
        names, count = self._market.resources, len(nodes)
        zones = {zone.id: z for z, zone in enumerate(self._market.zones)}
        zone_of = np.zeros(slots, np.int64)
        zone_of[:count] = [zones[node.zone.id] for node in nodes]
        takes = np.zeros((len(self._demand.schemes), slots), np.bool_)
        takes[:, :count] = _takes(self._demand, nodes)
        self._problem = problem_of(self._demand, self._market, zone_of_running=zone_of, takes=takes)
        self._state = empty_state(self._demand, self._market, most_new=1, running=slots)
        self._state.free[:count] = vectors([node.allocatable for node in nodes], names)
        index = {node.name: n for n, node in enumerate(nodes)}
        for pod in fixed:
            self._state.free[index[pod.node_name]] -= vectors([pod.requests], names)[0]
        self._state.active[:count] = True
        self._next_slot = count
        types = {it.name: t for t, it in enumerate(self._market.types)}
        self._type_of = np.full(slots, -1, np.int64)
        self._type_of[:count] = [types.get(node.instance_type, -1) for node in nodes]
        self._price = np.zeros(slots)
        self._price[:count] = [node.price_usd_per_h or 0.0 for node in nodes]

    def cost(self) -> float:
        """Price of the nodes that are left."""
        return float(self._price[self._state.active].sum())

    def run(self, keep_going: Callable[[], bool]) -> bool:
        """Consolidate until nothing more is found (true) or told to stop (false)."""
        while keep_going():
            self._delete_empty()
            found = self._many_at_once(keep_going) + self._one_by_one(keep_going)
            if not found:
                return keep_going()
        return False

    def _delete_empty(self) -> None:
        empty = self._state.active & (self._pods_by_slot() == 0)
        self.commands += int(empty.sum())
        self._state.active[empty] = False

    def _many_at_once(self, keep_going: Callable[[], bool]) -> int:
        found = 0
        while keep_going():
            candidates = self._candidates()[:MOST_CANDIDATES]
            best, low, high = None, 1, len(candidates) - 1
            while low <= high:
                middle = (low + high) // 2
                command = self._simulate(candidates[: middle + 1])
                if command:
                    best, low = command, middle + 1
                else:
                    high = middle - 1
            if best is None:
                return found
            self._apply(best)
            found += 1
        return found

    def _one_by_one(self, keep_going: Callable[[], bool]) -> int:
        found = 0
        for slot in self._candidates():
            if not keep_going():
                return found
            command = self._simulate([slot])
            if command:
                self._apply(command)
                found += 1
        return found

    def _candidates(self) -> list[int]:
        pods = self._pods_by_slot()
        slots = np.flatnonzero(self._state.active & (pods > 0) & ~self._protected)
        worth = self._price[slots] / (1 + pods[slots])
        return [int(slot) for slot in slots[np.argsort(-worth, kind="stable")]]

    def _pods_by_slot(self) -> Ints:
        return np.bincount(self._home, minlength=len(self._price))

    def _simulate(self, candidates: Sequence[int]) -> _Command | None:
        """What becomes of the pods of these nodes without them; leaves the fleet as it was."""
        state, slots = self._state, len(self._price)
        pods = np.flatnonzero(np.isin(self._home, candidates))
        pods = pods[np.argsort(self._rank[pods])]
        classes, homes = self._demand.class_of[pods], self._home[pods]
        zone_counts = state.zone_counts.copy()
        state.active[list(candidates)] = False
        lift(self._problem, state, classes, homes)
        state.size[0], state.hopeless[:] = 0, False
        place = pack(self._problem, state, classes, 1)
        offer = self._offer(candidates) if UNPLACED not in place else None
        moved = (place != UNPLACED) & (place < slots)
        lift(self._problem, state, classes[moved], place[moved])
        settle(self._problem, state, classes, homes)
        state.host_counts[:, slots:] = 0
        state.zone_counts[:] = zone_counts
        state.active[list(candidates)] = True
        if UNPLACED in place or (state.size[0] and offer is None):
            return None
        return _Command(candidates=tuple(candidates), pods=pods, place=place, offer=offer)

    def _offer(self, candidates: Sequence[int]) -> tuple[int, int] | None:
        """Type and zone of the replacement, when one is needed and it is cheaper than what it replaces."""
        state = self._state
        if not state.size[0]:
            return None
        ceiling = float(self._price[list(candidates)].sum())
        t, z = cheapest_offer(self._market, state.alive[0], zones=state.zones[0])
        if len(candidates) > 1:
            # Replacing several nodes by one of their own types would be the same as keeping that one.
            cheapest = np.where(state.zones[0][None, :], self._market.price, np.inf).min(axis=1)
            own = {int(self._type_of[slot]): float(self._price[slot]) for slot in candidates}
            own_left = [price for t, price in own.items() if t >= 0 and state.alive[0, t] and cheapest[t] < ceiling]
            ceiling = min([ceiling, *own_left])
        return (t, z) if self._market.price[t, z] < ceiling else None

    def _apply(self, command: _Command) -> None:
        state, slots = self._state, len(self._price)
        place = np.where(command.place >= slots, self._next_slot, command.place)
        if command.offer:
            self._launch(*command.offer)
        classes = self._demand.class_of[command.pods]
        lift(self._problem, state, classes, self._home[command.pods])
        settle(self._problem, state, classes, place)
        state.active[list(command.candidates)] = False
        self._home[command.pods] = place
        self.evictions += len(command.pods)
        self.commands += 1

    def _launch(self, t: int, z: int) -> None:
        slot = self._next_slot
        self._next_slot += 1
        self._state.free[slot] = self._market.allocatable[t]
        self._state.active[slot] = True
        self._problem.zone_of_running[slot] = z
        self._problem.takes[:, slot] = self._demand.admitted[:, t, z]
        self._price[slot], self._type_of[slot] = self._market.price[t, z], t


def _takes(demand: Demand, nodes: Sequence[Node]) -> Bools:
    return np.array(
        [
            [admits(pod, node.labels) and tolerates(pod.tolerations, node.taints) for node in nodes]
            for pod in demand.schemes
        ],
        dtype=np.bool_,
    ).reshape(len(demand.schemes), len(nodes))


def _less_daemons(workload: Workload) -> Catalog:
    """Types as what is left beside the daemons that every node runs."""
    taken = total(daemon.requests for daemon in workload.snapshot.daemonsets)
    types = {
        name: replace(it, allocatable=it.allocatable.minus_floored(taken))
        for name, it in workload.catalog.types.items()
    }
    return replace(workload.catalog, types=types)
