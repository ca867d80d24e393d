"""Pods and catalogue of Karpenter's own scheduling benchmark.

Source: kubernetes-sigs/karpenter ``scheduling_benchmark_test.go`` and ``cloudprovider/fake`` (read mid 2026). Its
random draws come from one Go generator that all its benchmarks share, and cannot be replayed; the distribution is the
same.
"""

import random
from collections.abc import Iterator, Mapping

from domain.market import Arch, CapacityType, Catalog, InstanceType, Offering
from domain.policy import Capacity
from domain.resources import Resources
from domain.units import GIB, MCPU_PER_CPU, MIB
from domain.workload import Pod
from tests.benchmarks.workloads import parts
from tests.benchmarks.workloads.parts import HOST, NAMESPACE, ZONE, Workload, amounts, spread_over, term

REGION = "fake"
ZONES = parts.zones_named("test-zone-1", "test-zone-2", "test-zone-3")
SPOT_ZONES = ZONES[:2]
TYPES = 400
USD_PER_VCPU, USD_PER_GB = 0.1, 0.1
OVERHEAD_MCPU, OVERHEAD_BYTES = 100, 10 * MIB

CPU_MCPU = (100, 250, 500, 1000, 1500)
MEMORY_MIB = (100, 256, 512, 1024, 2048, 4096)
LABEL_VALUES = "abcdefg"
LABEL, AFFINITY_LABEL = "my-label", "my-affininity"
"""The second is spelt as the source spells it."""

KINDS = 5
SEED = 42


def catalog(types: int = TYPES) -> Catalog:
    """Types of 1, 2, 3 … vCPU with 2 GiB and 10 pods each per vCPU, all at the same price per vCPU."""
    its = [_type(size) for size in range(1, types + 1)]
    return parts.invented_catalog(REGION, its, offerings=[o for it in its for o in _offerings(it)])


def diverse(count: int, *, seed: int = SEED) -> Workload:
    """A fifth each: generic, zone spread, host spread, zone affinity, host anti-affinity; the rest generic."""
    return _workload(f"mix-{count}", list(_diverse(count, random.Random(seed))))


def preferences(count: int = 4000, *, seed: int = SEED) -> Workload:
    """Identical pods that only prefer (a zone, not to share one, not to share a node): no preference ever binds."""
    requests = _requests(random.Random(seed))
    pods = [_pod(index, requests, labels={"app": "nginx"}) for index in range(count)]
    return _workload(f"preferences-{count}", pods)


def _workload(name: str, pods: list[Pod]) -> Workload:
    return Workload(
        name=name,
        snapshot=parts.unplaced(REGION, ZONES, pods=pods),
        catalog=catalog(),
        policy=parts.price_only(Capacity.MIXED),
    )


def _diverse(count: int, rng: random.Random) -> Iterator[Pod]:
    share = count // KINDS
    for index in range(count):
        kind = index // share if share else 0
        yield _GENERATORS.get(kind, _generic)(index, rng)


def _generic(index: int, rng: random.Random) -> Pod:
    return _pod(index, _requests(rng), labels=_random_label(LABEL, rng))


def _zone_spread(index: int, rng: random.Random) -> Pod:
    return _spread(index, rng, topology_key=ZONE)


def _host_spread(index: int, rng: random.Random) -> Pod:
    return _spread(index, rng, topology_key=HOST)


def _spread(index: int, rng: random.Random, *, topology_key: str) -> Pod:
    own, selected = _random_label(LABEL, rng), _random_label(LABEL, rng)
    rule = spread_over(topology_key, selected)
    return Pod(namespace=NAMESPACE, name=f"pod-{index}", requests=_requests(rng), labels=own, spread=(rule,))


def _zone_affinity(index: int, rng: random.Random) -> Pod:
    own = _random_label(AFFINITY_LABEL, rng)
    rule = term(ZONE, own)
    return Pod(namespace=NAMESPACE, name=f"pod-{index}", requests=_requests(rng), labels=own, affinity=(rule,))


def _host_anti_affinity(index: int, rng: random.Random) -> Pod:
    own = {"app": "nginx"}
    rule = term(HOST, own)
    return Pod(namespace=NAMESPACE, name=f"pod-{index}", requests=_requests(rng), labels=own, anti_affinity=(rule,))


_GENERATORS = {1: _zone_spread, 2: _host_spread, 3: _zone_affinity, 4: _host_anti_affinity}


def _pod(index: int, requests: Resources, *, labels: Mapping[str, str]) -> Pod:
    return Pod(namespace=NAMESPACE, name=f"pod-{index}", requests=requests, labels=labels)


def _requests(rng: random.Random) -> Resources:
    cpu_mcpu = rng.choice(CPU_MCPU)
    return amounts(cpu_mcpu, rng.choice(MEMORY_MIB))


def _random_label(key: str, rng: random.Random) -> dict[str, str]:
    return {key: rng.choice(LABEL_VALUES)}


def _type(size: int) -> InstanceType:
    return parts.invented_type(
        f"fake-it-{size - 1}",
        Arch.AMD64,
        vcpu=size,
        memory_bytes=2 * size * GIB,
        allocatable=Resources(
            cpu_mcpu=size * MCPU_PER_CPU - OVERHEAD_MCPU,
            memory_bytes=2 * size * GIB - OVERHEAD_BYTES,
            pods=10 * size,
        ),
    )


def _offerings(it: InstanceType) -> Iterator[Offering]:
    price = USD_PER_VCPU * it.vcpu + USD_PER_GB * it.memory_bytes / 1e9
    sold = [(zone, CapacityType.SPOT) for zone in SPOT_ZONES] + [(zone, CapacityType.ON_DEMAND) for zone in ZONES]
    for zone, capacity_type in sold:
        yield parts.offering(REGION, zone, instance_type=it.name, capacity_type=capacity_type, price=price)
