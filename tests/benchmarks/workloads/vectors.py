"""Vector bin packing ("New", 1 080 instances) as clusters: identical nodes of price 1, pods without rules.

Source: Mommessin, Erlebach, Shakhlevich, Computers & Operations Research 2024; instances and results of all heuristics
are published with it. The first dimension is CPU, the second memory, the others extended resources; weights are whole
numbers and stay as they are (memory in MiB, so that a unit is worth more than any rounding).
"""

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass

from domain.market import Arch, CapacityType
from domain.policy import Capacity
from domain.resources import Resources
from domain.units import MIB
from domain.workload import Pod
from tests.benchmarks.data import data_path, read_rows
from tests.benchmarks.workloads import parts
from tests.benchmarks.workloads.parts import NAMESPACE, Workload

REGION = "vectors"
ZONES = parts.zones_named("zone-a")
ARCHIVE = "vbp_vectorpack/instances/New_instances.tar.gz"
RESULTS = "vbp_vectorpack/published_results/New_summary_known.tsv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """An instance with what is published about it: ``optimum`` is ``None`` where unknown."""

    name: str
    capacity: tuple[int, ...]
    items: tuple[tuple[int, ...], ...]
    lower_bound: int
    optimum: int | None
    best_published: int


def instances() -> Iterator[Instance]:
    """All instances, by name.

    Raises
    ------
    LeftOut
        Without the data.
    """
    published = {row["instance_name"]: row for row in read_rows(RESULTS, delimiter="\t")}
    with tarfile.open(data_path(ARCHIVE)) as archive:
        members = sorted((m for m in archive.getmembers() if m.name.endswith(".vbp")), key=lambda m: m.name)
        for member in members:
            stream = archive.extractfile(member)
            name = member.name.rsplit("/", 1)[-1].removesuffix(".vbp")
            if stream is not None and name in published:
                yield parse(name, stream.read().decode(), published=published[name])


def parse(name: str, text: str, *, published: dict[str, str]) -> Instance:
    """An instance file (dimensions, capacities, number of items, then weights and a demand by item)."""
    lines = [tuple(map(int, line.split())) for line in text.splitlines() if line.strip()]
    dimensions, capacity, count = lines[0][0], lines[1], lines[2][0]
    items = [line[:dimensions] for line in lines[3 : 3 + count] for _ in range(line[dimensions])]
    optimum = int(published["OPT"])
    return Instance(
        name=name,
        capacity=capacity,
        items=tuple(items),
        lower_bound=int(published["LB"]),
        optimum=optimum if optimum >= 0 else None,
        best_published=int(published["best_overall"]),
    )


def workload(instance: Instance) -> Workload:
    """The instance as a cluster to plan from scratch."""
    bin_type = parts.invented_type(
        "bin",
        Arch.AMD64,
        vcpu=1,
        memory_bytes=instance.capacity[1] * MIB,
        allocatable=_resources(instance.capacity, pods=len(instance.items)),
    )
    price = parts.offering(REGION, ZONES[0], instance_type="bin", capacity_type=CapacityType.ON_DEMAND, price=1.0)
    pods = [
        Pod(namespace=NAMESPACE, name=f"item-{index}", requests=_resources(weights, pods=1))
        for index, weights in enumerate(instance.items)
    ]
    return Workload(
        name=f"vbp-{instance.name}",
        snapshot=parts.unplaced(REGION, ZONES, pods=pods),
        catalog=parts.invented_catalog(REGION, [bin_type], offerings=[price]),
        policy=parts.price_only(Capacity.ON_DEMAND),
    )


def _resources(weights: tuple[int, ...], *, pods: int) -> Resources:
    extended = tuple((f"bench.example/dimension-{i}", weight) for i, weight in enumerate(weights[2:], start=3))
    return Resources(cpu_mcpu=weights[0], memory_bytes=weights[1] * MIB, pods=pods, extended=extended)
