"""Small markets and workloads to try things on."""

from collections.abc import Sequence

from domain.market import Arch, InstanceType, Pool, Zone
from domain.resources import Resources
from domain.units import GIB
from solvers.replay import Market, Notice, PodGroup, PoolTape, PriceCurve, Tally, Workload, World
from solvers.replay.market import PLENTY
from solvers.replay.policy import Policy
from solvers.replay.world import Tenancy

HOUR = 3600.0
ZONES = {zone: Zone(id=zone, name=f"us-east-1{zone[-1]}") for zone in ("use1-a", "use1-b")}


def kind(name: str = "m5.xlarge", *, cpu: int = 4) -> InstanceType:
    room = Resources(cpu_mcpu=cpu * 1000, memory_bytes=cpu * 4 * GIB, pods=50)
    return InstanceType(name=name, arch=Arch.AMD64, vcpu=cpu, memory_bytes=cpu * 4 * GIB, allocatable=room)


def tape(
    zone: str = "use1-a",
    *,
    name: str = "m5.xlarge",
    falls_at_s: float | None = None,
    price: float = 0.1,
    capacity: int = PLENTY,
    interruption_per_h: float = 0.0,
) -> PoolTape:
    return PoolTape(
        pool=Pool(region="us-east-1", zone_id=zone, instance_type=name),
        times_s=(0.0,) if falls_at_s is None else (0.0, falls_at_s),
        capacity=(capacity,) if falls_at_s is None else (capacity, 0),
        price=PriceCurve((0.0,), (price,)),
        interruption_per_h=interruption_per_h,
    )


def market(
    tapes: Sequence[PoolTape] = (), *, hours: float = 10.0, notice: Notice | None = None, seed: int = 1
) -> Market:
    tapes = tuple(tapes) or (tape(), tape("use1-b"))
    types = {each.pool.instance_type: kind(each.pool.instance_type) for each in tapes}
    return Market(
        region="us-east-1",
        zones=ZONES,
        types=types,
        tapes=tapes,
        on_demand_usd_per_h=dict.fromkeys(types, 0.2),
        horizon_s=hours * HOUR,
        seed=seed,
        notice=notice or Notice(delay_s=0.0),
    )


def shop(replicas: int = 6, *, max_unavailable: int | None = 2, cpu: float = 1.0) -> Workload:
    requests = Resources(cpu_mcpu=round(cpu * 1000), memory_bytes=GIB, pods=1)
    return Workload(
        groups=(PodGroup(name="shop", replicas=replicas, requests=requests, max_unavailable=max_unavailable),)
    )


def play(policy: Policy, on: Market, workload: Workload | None = None) -> Tally:
    """One cluster under a policy."""
    world = World(on, [Tenancy(tenant="a", workload=workload or shop())])
    (found,) = world.run(lambda _: policy)
    return found
