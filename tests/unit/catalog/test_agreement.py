"""The carried catalogue against the public figures it restates; left out where those are not at hand."""

import csv
import gzip
import itertools
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.catalog import describe_type, regions
from adapters.catalog.book import baseline_book
from adapters.catalog.figures import RegionFigures, unpack_region
from adapters.catalog.hazard import INTERRUPTION_PER_MONTH, UNKNOWN_INTERRUPTION_PER_MONTH
from domain.market import Arch
from domain.units import MIB

RETIRED = {"g4ad.16xlarge", "g4ad.2xlarge", "g4ad.4xlarge", "g4ad.8xlarge", "g4ad.xlarge"}
"""In the public figures of 2026-08, no longer described by AWS in 2026-10."""

NETWORK_CARDS_RESTATED = {"i7ie.48xlarge", "i7ie.metal-48xl", "i8ge.48xlarge", "i8ge.metal-48xl"}
"""Karpenter's table counts the interfaces of both network cards; DescribeInstanceTypes now tells them apart."""


def rows(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", newline="") as stream:
        yield from csv.DictReader(stream)


@pytest.fixture(scope="module")
def figures() -> dict[str, RegionFigures]:
    return {region: unpack_region(baseline_book(), region) for region in regions()}


def test_specifications_agree_with_the_public_list(public_data: Path) -> None:
    listed = {}
    for row in rows(public_data / "aws_instance_catalog" / "ec2_instance_types_2026-08.csv.gz"):
        if "mac" not in row["arch"]:
            listed[row["instance_type"]] = (int(row["vcpu"]), int(row["memory_mib"]), "arm64" in row["arch"])
    types = baseline_book().types
    assert listed.keys() - types.keys() == RETIRED
    carried = {n: (t.vcpu, t.memory_mib, t.arch == Arch.ARM64) for n, t in types.items() if n in listed}
    assert carried == {name: listed[name] for name in carried}


def test_allocatable_agrees_with_karpenter_but_for_four_types_of_two_network_cards(public_data: Path) -> None:
    differing, compared = set(), 0
    for row in rows(public_data / "aws_instance_catalog" / "karpenter_eks_allocatable.csv.gz"):
        name = row["instance_type"]
        if name in RETIRED:
            continue
        room = describe_type(name).allocatable
        devices = ("nvidia.com/gpu", "amd.com/gpu", "aws.amazon.com/neuron", "aws.amazon.com/neuroncore")
        listed = {device: int(row[f"alloc_{device}"]) for device in devices if row[f"alloc_{device}"]}
        assert dict(room.extended) == listed, name
        assert (room.cpu_mcpu, room.ephemeral_bytes >> 30) == (float(row["alloc_cpu_milli"]), 17), name
        compared += 1
        if (room.memory_bytes / MIB, room.pods) != (float(row["alloc_memory_mib"]), int(row["alloc_pods"])):
            differing.add(name)
    assert compared > 1300
    assert differing == NETWORK_CARDS_RESTATED


def test_on_demand_prices_are_exact(public_data: Path, figures: dict[str, RegionFigures]) -> None:
    folder = public_data / "aws_instance_catalog"
    newer = [row for row in rows(folder / "karpenter_on_demand_linux.csv.gz") if row["region"] == "us-east-1"]
    older = list(rows(folder / "aws_on_demand_linux_by_region_2025-04.csv.gz"))
    prices = {(row["region"], row["instance_type"]): float(row["on_demand_usd_per_h"]) for row in older + newer}
    compared = 0
    for region, carried in figures.items():
        assert carried.on_demand_micro_usd.keys() == carried.offered.keys() & {n for r, n in prices if r == region}
        for name, micro_usd in carried.on_demand_micro_usd.items():
            assert micro_usd / 1_000_000 == prices[region, name], f"{name} in {region}"
            compared += 1
    assert compared > 9000


def test_savings_and_buckets_are_exact(public_data: Path, figures: dict[str, RegionFigures]) -> None:
    compared = 0
    for row in rows(public_data / "aws_spot_advisor" / "spot_advisor_2025-06.csv.gz"):
        region, name = row["region"], row["instance_type"]
        if row["os"] == "Linux" and region in figures and name in figures[region].offered:
            advice = figures[region].advice[name]
            assert (advice.saving_percent, advice.bucket) == (int(row["savings_pct"]), int(row["interruption_range"]))
            compared += 1
    assert compared == sum(len(carried.advice) for carried in figures.values())
    assert compared > 9000


def test_offerings_contain_all_of_the_public_list(public_data: Path, figures: dict[str, RegionFigures]) -> None:
    listed = carried = 0
    for row in rows(public_data / "aws_instance_catalog" / "offerings_by_az_id_2026-08.csv.gz"):
        region, name = row["region"], row["instance_type"]
        if region in figures and name not in RETIRED and not name.startswith("mac"):
            listed += 1
            carried += row["az_id"] in figures[region].offered.get(name, ())
    assert listed > 30_000
    assert carried == listed


def test_the_probability_of_the_open_bucket_is_the_mean_of_the_fitted_distribution(public_data: Path) -> None:
    shares = Counter(
        int(row["interruption_range"])
        for row in rows(public_data / "aws_spot_advisor" / "spot_advisor_2025-06.csv.gz")
        if row["os"] == "Linux" and row["region"] in regions()
    )
    edges = (0, 5, 10, 15, 20, 100)
    bounds = list(itertools.pairwise(edges))

    def likelihood(mean: float) -> float:
        inside = [math.exp(-low / mean) - math.exp(-high / mean) for low, high in bounds]
        return sum(shares[k] * math.log(share / sum(inside)) for k, share in enumerate(inside))

    mean = max((tenth / 10 for tenth in range(50, 600)), key=likelihood)
    low, high = math.exp(-20 / mean), math.exp(-100 / mean)
    open_bucket = ((20 + mean) * low - (100 + mean) * high) / (low - high)
    assert open_bucket / 100 == pytest.approx(INTERRUPTION_PER_MONTH[4], abs=0.005)
    overall = sum(shares[k] * INTERRUPTION_PER_MONTH[k] for k in range(5)) / shares.total()
    assert overall == pytest.approx(UNKNOWN_INTERRUPTION_PER_MONTH, abs=0.005)
