"""Compiles the kernels once, by planning a very small cluster that touches all of them."""

from collections.abc import Callable
from datetime import date
from itertools import count

import numpy as np

from domain.labels import ZONE
from domain.market import Arch, CapacityType, Catalog, InstanceType, Offering, Pool, Zone
from domain.node import Node
from domain.policy import Policy
from domain.resources import Resources
from domain.selectors import LabelSelector
from domain.snapshot import Snapshot
from domain.units import GIB
from domain.workload import Owner, Pod, SpreadConstraint
from solvers.placement.anneal import annealed
from solvers.placement.packing import UNLIMITED, Packing
from solvers.placement.planner import plan_cluster
from solvers.placement.settings import Settings
from solvers.placement.slots import Fleet


def warm_up() -> None:
    """Compile the kernels, so that no plan waits for them; they are kept on disk for the next process."""
    zones = tuple(Zone(id=f"warm-az{i}", name=f"warm-1{letter}") for i, letter in ((1, "a"), (2, "b")))
    sizes = {"warm.large": 2, "warm.xlarge": 4}
    catalog = Catalog(
        region="warm-1",
        as_of=date(2000, 1, 1),
        types={name: _type(name, vcpu) for name, vcpu in sizes.items()},
        offerings=tuple(_offering(name, vcpu, zone) for name, vcpu in sizes.items() for zone in zones),
    )
    nodes = tuple(_node(f"n{i}", zones[i % 2]) for i in range(3))
    pods = tuple(_pod(f"p{i}", node=f"n{i}" if i < 3 else "") for i in range(5))
    snapshot = Snapshot(region="warm-1", zones=zones, nodes=nodes, pods=pods)
    for from_scratch in (False, True):
        settings = Settings(work_limit=20, from_scratch=from_scratch)
        plan_cluster(snapshot, catalog=catalog, policy=Policy(), settings=settings, clock=_ticker())
    _warm_up_annealing()


def _warm_up_annealing() -> None:
    """Two nodes of two pods each: so small a cluster is solved before it comes to annealing."""
    one = np.ones((1, 1), np.int64)
    packing = Packing(
        size=one, demand=4 * one[0], limit=4 * one[0], capacity=4 * one, price=np.ones(1),
        allowed=np.ones((1, 1), np.uint8), supply=np.array([UNLIMITED]),
    )  # fmt: skip
    fleet = Fleet(kind=[0, 0], pods=[2 * one[0], 2 * one[0]])
    annealed(packing, fleet, values=np.ones(1), tries=8, rng=np.random.default_rng(0))


def _ticker() -> Callable[[], float]:
    """A clock that moves a millisecond each time it is read: compiling must not use up the time limit."""
    ticks = count()
    return lambda: next(ticks) * 1e-3


def _type(name: str, vcpu: int) -> InstanceType:
    room = Resources(cpu_mcpu=1000 * vcpu - 100, memory_bytes=4 * vcpu * GIB, pods=10 * vcpu)
    return InstanceType(name=name, arch=Arch.AMD64, vcpu=vcpu, memory_bytes=4 * vcpu * GIB, allocatable=room)


def _offering(name: str, vcpu: int, zone: Zone) -> Offering:
    pool = Pool(region="warm-1", zone_id=zone.id, instance_type=name)
    return Offering(pool=pool, zone=zone, capacity_type=CapacityType.ON_DEMAND, price_usd_per_h=0.05 * vcpu)


def _node(name: str, zone: Zone) -> Node:
    return Node(
        name=name, labels={}, allocatable=_type("warm.xlarge", 4).allocatable, zone=zone,
        capacity_type=CapacityType.ON_DEMAND, instance_type="warm.xlarge", template="default",
    )  # fmt: skip


def _pod(name: str, *, node: str) -> Pod:
    amount = Resources(cpu_mcpu=500, memory_bytes=GIB, pods=1)
    spread = SpreadConstraint(topology_key=ZONE, max_skew=1, selector=LabelSelector())
    return Pod(
        namespace="warm", name=name, requests=amount, node_name=node, spread=(spread,),
        owner=Owner(kind="Deployment", name="d"),
    )  # fmt: skip
