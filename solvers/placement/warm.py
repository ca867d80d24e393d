"""Compiles the kernels once, by planning a very small cluster that touches all of them."""

from collections.abc import Callable
from datetime import date
from itertools import count

from domain.market import Arch, CapacityType, Catalog, InstanceType, Offering, Pool, Zone
from domain.node import Node
from domain.policy import Policy
from domain.resources import Resources
from domain.snapshot import Snapshot
from domain.units import GIB
from domain.workload import Owner, Pod
from solvers.placement.planner import plan_cluster
from solvers.placement.settings import Settings


def warm_up() -> None:
    """Compile the kernels, so that no plan waits for them; they are kept on disk for the next process."""
    zone = Zone(id="warm-az1", name="warm-1a")
    sizes = {"warm.large": 2, "warm.xlarge": 4}
    catalog = Catalog(
        region="warm-1",
        as_of=date(2000, 1, 1),
        types={name: _type(name, vcpu) for name, vcpu in sizes.items()},
        offerings=tuple(_offering(name, vcpu, zone) for name, vcpu in sizes.items()),
    )
    nodes = tuple(_node(f"n{i}", zone) for i in range(3))
    pods = tuple(_pod(f"p{i}", node=f"n{i}" if i < 3 else "") for i in range(5))
    snapshot = Snapshot(region="warm-1", zones=(zone,), nodes=nodes, pods=pods)
    for from_scratch in (False, True):
        settings = Settings(work_limit=20, from_scratch=from_scratch)
        plan_cluster(snapshot, catalog=catalog, policy=Policy(), settings=settings, clock=_ticker())


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
    return Pod(namespace="warm", name=name, requests=amount, node_name=node, owner=Owner(kind="Deployment", name="d"))
