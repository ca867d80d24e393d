"""The Karpenter-style packer: first-fit decreasing, the type chosen last, the cheapest that holds what was packed."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from domain.market import CapacityType, InstanceType, Zone
from domain.workload import Pod
from tests.benchmarks.baselines.encode import (
    Bools,
    Demand,
    Ints,
    Market,
    encode_demand,
    encode_market,
    resource_names,
)
from tests.benchmarks.baselines.kernel import UNPLACED, Problem, State, pack
from tests.benchmarks.workloads.parts import Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedNode:
    """A new node at its cheapest remaining offering."""

    instance_type: InstanceType
    zone: Zone
    capacity_type: CapacityType
    price_usd_per_h: float
    pods: tuple[Pod, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Packing:
    """What the packer made of a workload; ``seconds`` is packing alone, without encoding."""

    nodes: tuple[PackedNode, ...]
    unplaced: tuple[Pod, ...]
    seconds: float

    @property
    def cost_usd_per_h(self) -> float:
        """Price of all nodes."""
        return sum(node.price_usd_per_h for node in self.nodes)


def pack_from_scratch(workload: Workload, *, clock: Callable[[], float] = time.perf_counter) -> Packing:
    """Pack all pods of a workload onto new nodes."""
    pods = workload.snapshot.pods
    market = encode_market(workload.catalog, workload.policy, resources=resource_names(pods))
    demand = encode_demand(pods, market)
    problem, state = problem_of(demand, market), empty_state(demand, market, most_new=len(pods))
    order = largest_first(demand, market)
    started = clock()
    place = pack(problem, state, demand.class_of[order], len(pods))
    seconds = clock() - started
    return Packing(
        nodes=tuple(_nodes(demand, market, state, order=order, place=place)),
        unplaced=tuple(pods[i] for i in order[place == UNPLACED]),
        seconds=seconds,
    )


def problem_of(
    demand: Demand, market: Market, *, zone_of_running: Ints | None = None, takes: Bools | None = None
) -> Problem:
    """Arrays of the kernel; without running nodes unless their zones and whom they take are given."""
    classes, rules = len(demand.representatives), demand.rules
    bound = _by_class((rule.bound for rule in rules), classes)
    counted = _by_class((rule.counted for rule in rules), classes)
    counts_itself = np.zeros((len(rules), classes), np.bool_)
    for g, rule in enumerate(rules):
        counts_itself[g, list(rule.counted)] = True
    return Problem(
        shape_of_class=demand.shape_of_class,
        scheme_of_class=demand.scheme_of_class,
        requests=demand.requests,
        allocatable=market.allocatable,
        admitted=demand.admitted,
        zone_open=np.any(demand.admitted, axis=1),
        kind=np.array([rule.kind for rule in rules], dtype=np.int64),
        on_host=np.array([rule.on_host for rule in rules], dtype=np.bool_),
        max_skew=np.array([rule.max_skew for rule in rules], dtype=np.int64),
        bound_start=_starts(bound),
        bound=_flat(bound),
        counted_start=_starts(counted),
        counted=_flat(counted),
        counts_itself=counts_itself,
        zone_of_running=np.zeros(0, np.int64) if zone_of_running is None else zone_of_running,
        takes=np.zeros((len(demand.schemes), 0), np.bool_) if takes is None else takes,
    )


def empty_state(demand: Demand, market: Market, *, most_new: int, running: int = 0) -> State:
    """Nothing is placed yet; running nodes are inactive and have no room until the caller says otherwise."""
    types, zones, resources = len(market.types), len(market.zones), len(market.resources)
    return State(
        free=np.zeros((running, resources), np.int64),
        active=np.zeros(running, np.bool_),
        used=np.zeros((most_new, resources), np.int64),
        alive=np.zeros((most_new, types), np.bool_),
        zones=np.zeros((most_new, zones), np.bool_),
        roof=np.zeros((most_new, resources), np.int64),
        pods=np.zeros(most_new, np.int64),
        order=np.zeros(most_new, np.int64),
        size=np.zeros(1, np.int64),
        host_counts=np.zeros((len(demand.rules), running + most_new), np.int32),
        zone_counts=np.zeros((len(demand.rules), zones), np.int32),
        hopeless=np.zeros((len(demand.requests), most_new), np.bool_),
    )


def largest_first(demand: Demand, market: Market) -> Ints:
    """Indices of the pods by CPU, then memory, descending; alike pods as they came."""
    amounts = {name: demand.requests[:, r] for r, name in enumerate(market.resources)}
    shape = demand.shape_of_class[demand.class_of]
    none = np.zeros(len(demand.requests), np.int64)
    return np.lexsort((-amounts.get("memory", none)[shape], -amounts.get("cpu", none)[shape]))


def cheapest_offer(market: Market, types: Bools, *, zones: Bools) -> tuple[int, int]:
    """Type and zone of the lowest price among those left."""
    price = np.where(types[:, None] & zones[None, :], market.price, np.inf)
    t, z = np.unravel_index(int(np.argmin(price)), price.shape)
    return int(t), int(z)


def _nodes(demand: Demand, market: Market, state: State, *, order: Ints, place: Ints) -> list[PackedNode]:
    pods: list[list[Pod]] = [[] for _ in range(int(state.size[0]))]
    for pod, node in zip(order, place, strict=True):
        if node != UNPLACED:
            pods[node].append(demand.pods[pod])
    nodes = []
    for i, held in enumerate(pods):
        t, z = cheapest_offer(market, state.alive[i], zones=state.zones[i])
        nodes.append(
            PackedNode(
                instance_type=market.types[t],
                zone=market.zones[z],
                capacity_type=market.capacity_type[t][z],
                price_usd_per_h=float(market.price[t, z]),
                pods=tuple(held),
            )
        )
    return nodes


def _by_class(members: Iterable[Iterable[int]], classes: int) -> list[list[int]]:
    lists: list[list[int]] = [[] for _ in range(classes)]
    for g, group in enumerate(members):
        for c in group:
            lists[c].append(g)
    return lists


def _starts(lists: Sequence[Sequence[int]]) -> Ints:
    return np.concatenate([[0], np.cumsum([len(row) for row in lists], dtype=np.int64)]).astype(np.int64)


def _flat(lists: Sequence[Sequence[int]]) -> Ints:
    return np.array([g for row in lists for g in row], dtype=np.int64)
