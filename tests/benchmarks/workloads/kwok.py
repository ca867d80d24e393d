"""Workloads and catalogue of Karpenter's end-to-end performance suite on KWOK.

Source: kubernetes-sigs/karpenter ``test/suites/performance`` and ``kwok/tools/gen_instance_types.go`` (read mid 2026).
The suite allows instance sizes below 32; pods run on Linux, so the Windows half of its 144 types never counts.
Prices are those of its on-demand offerings, for which lower bounds are published in ``docs/benchmarks.md``.
"""

from collections.abc import Callable, Iterator

from domain.market import Arch, CapacityType, Catalog, InstanceType, Offering
from domain.policy import Capacity
from domain.resources import Resources
from domain.units import GIB, MCPU_PER_CPU, MIB
from domain.workload import Pod
from tests.benchmarks.workloads import parts
from tests.benchmarks.workloads.parts import HOST, ZONE, Workload, amounts, deployment

REGION = "kwok"
ZONES = parts.zones_named("test-zone-a", "test-zone-b", "test-zone-c", "test-zone-d")
SIZES = (1, 2, 4, 8, 16)
GIB_PER_VCPU = {"c": 2, "s": 4, "m": 8}
USD_PER_VCPU, USD_PER_GB = 0.025, 0.001
SPOT_FACTOR = 0.7
OVERHEAD_MCPU, OVERHEAD_BYTES = 100, 10 * MIB
PODS_PER_VCPU, MOST_PODS = 16, 1024

SMALL = amounts(900, 3100)
LARGE = amounts(3500, 28 * 1024)
PROTECTED = amounts(900, 450)

WIDE_MCPU = (
    (240, 450, 650, 900, 1400, 1900, 2400, 2800, 3300, 3700)
    + (2300, 900, 1300, 2800, 1800, 1850, 3300, 3800, 225, 450)
    + (700, 900, 1300, 1800, 2400, 2800, 3400, 3800, 3300, 2800)
)
WIDE_MIB = (
    (300, 400, 700, 1024, 2048, 4096, 8192, 4096, 16384, 10240)
    + (65536, 30720, 32768, 32768, 30720, 20480, 30720, 300, 500, 750)
    + (1024, 2048, 4096, 8192, 16384, 32768, 28672, 65536, 13312, 24576)
)

OPTIMUM_BOUND_USD_PER_H = {
    "basic": 74.0728,
    "basic-700": 51.8510,
    "spread": 74.0728,
    "xl": 148.1456,
    "wide-1000": 66.6030,
    "wide-700": 46.4436,
}
"""Configuration LP of the resources alone, column generation closed: a lower bound, with the rules on all the more."""


def catalog() -> Catalog:
    """The 30 types a pod of the suite may get, 4 zones, Spot and on-demand."""
    types = [_type(family, vcpu, arch=arch) for family in GIB_PER_VCPU for vcpu in SIZES for arch in Arch]
    return parts.invented_catalog(REGION, types, offerings=[o for it in types for o in _offerings(it)])


def workload(name: str) -> Workload:
    """One of `NAMES`, pending, for on-demand nodes."""
    return Workload(
        name=f"kwok-{name}",
        snapshot=parts.unplaced(REGION, ZONES, pods=_BUILDERS[name]()),
        catalog=catalog(),
        policy=parts.price_only(Capacity.ON_DEMAND),
    )


def _type(family: str, vcpu: int, *, arch: Arch) -> InstanceType:
    memory_bytes = vcpu * GIB_PER_VCPU[family] * GIB
    return parts.invented_type(
        f"{family}-{vcpu}x-{arch}-linux",
        arch,
        vcpu=vcpu,
        memory_bytes=memory_bytes,
        allocatable=Resources(
            cpu_mcpu=vcpu * MCPU_PER_CPU - OVERHEAD_MCPU,
            memory_bytes=memory_bytes - OVERHEAD_BYTES,
            pods=min(PODS_PER_VCPU * vcpu, MOST_PODS),
            ephemeral_bytes=20 * GIB,
        ),
    )


def _offerings(it: InstanceType) -> Iterator[Offering]:
    price = USD_PER_VCPU * it.vcpu + USD_PER_GB * it.memory_bytes / 1e9
    for zone in ZONES:
        for capacity_type, factor in ((CapacityType.SPOT, SPOT_FACTOR), (CapacityType.ON_DEMAND, 1.0)):
            yield parts.offering(REGION, zone, instance_type=it.name, capacity_type=capacity_type, price=price * factor)


def _basic(small: int, large: int) -> list[Pod]:
    return deployment("small", SMALL, replicas=small) + deployment("large", LARGE, replicas=large)


def _spread(small: int, large: int) -> list[Pod]:
    return deployment("small", SMALL, replicas=small, spread=[HOST]) + deployment("large", LARGE, replicas=large)


def _do_not_disrupt() -> list[Pod]:
    protected = deployment("protected", PROTECTED, replicas=100, do_not_disrupt="karpenter.sh/do-not-disrupt")
    return _spread(500, 500) + protected


def _interference() -> list[Pod]:
    small = deployment("small", SMALL, replicas=250, anti_affinity=[HOST])
    return small + deployment("large", LARGE, replicas=500, anti_affinity=[HOST])


def _wide(replicas: int, fewer: int) -> list[Pod]:
    pods: list[Pod] = []
    for index, (cpu_mcpu, memory_mib) in enumerate(zip(WIDE_MCPU, WIDE_MIB, strict=True)):
        pods += deployment(
            f"wide-{index + 1:02d}",
            amounts(cpu_mcpu, memory_mib),
            replicas=replicas if index < 20 else fewer,
            spread=[ZONE, HOST] if 3 <= index < 6 else [ZONE],
            anti_affinity=[HOST] if index < 3 else [],
        )
    return pods


_BUILDERS: dict[str, Callable[[], list[Pod]]] = {
    "basic": lambda: _basic(500, 500),
    "basic-700": lambda: _basic(350, 350),
    "spread": lambda: _spread(500, 500),
    "xl": lambda: _spread(1000, 1000),
    "do-not-disrupt": _do_not_disrupt,
    "interference": _interference,
    "wide-1000": lambda: _wide(35, 30),
    "wide-700": lambda: _wide(25, 20),
}

NAMES = tuple(_BUILDERS)
