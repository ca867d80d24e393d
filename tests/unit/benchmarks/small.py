"""Builders of small workloads."""

from collections.abc import Iterable, Mapping

from domain.market import Arch, CapacityType
from domain.policy import Capacity
from domain.resources import Resources
from domain.units import GIB
from domain.workload import Pod
from tests.benchmarks.workloads import parts
from tests.benchmarks.workloads.parts import Workload

REGION = "small"
ZONES = parts.zones_named("zone-a", "zone-b")
PRICES = {2: 1.0, 4: 1.9, 8: 3.9}
"""USD per hour by vCPU; with 4 GiB per vCPU. The middle size is the cheapest per vCPU."""


def make_workload(pods: Iterable[Pod], *, prices: Mapping[int, float] = PRICES) -> Workload:
    types = [
        parts.invented_type(
            f"t.{vcpu}",
            Arch.AMD64,
            vcpu=vcpu,
            memory_bytes=4 * vcpu * GIB,
            allocatable=Resources(cpu_mcpu=1000 * vcpu, memory_bytes=4 * vcpu * GIB, pods=10),
        )
        for vcpu in prices
    ]
    offerings = [
        parts.offering(REGION, zone, instance_type=it.name, capacity_type=CapacityType.ON_DEMAND, price=prices[it.vcpu])
        for it in types
        for zone in ZONES
    ]
    return Workload(
        name="small",
        snapshot=parts.unplaced(REGION, ZONES, pods=pods),
        catalog=parts.invented_catalog(REGION, types, offerings=offerings),
        policy=parts.price_only(Capacity.ON_DEMAND),
    )
