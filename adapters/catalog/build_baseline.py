"""A maintainer's command: build the catalogue carried in the package from public figures.

``python -m adapters.catalog.build_baseline DATA_FOLDER`` reads specifications and offerings through boto3 from moto,
whose answers are AWS's own, and on-demand prices and advisor figures from the CSV files under ``DATA_FOLDER``
(``aws_instance_catalog``, ``aws_spot_advisor``). Needs the development dependencies; the product never runs it.
"""

import argparse
import csv
import gzip
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path

import boto3
from moto import mock_aws

from adapters.catalog.book import BASELINE, Book, write_book
from adapters.catalog.figures import Advice, RegionFigures, pack_region
from adapters.catalog.records import FORMAT, AsOf, Header, TypeSpec
from adapters.catalog.specs import spec_from_ec2
from domain.market import Zone
from domain.units import MICRO_USD_PER_USD

REGIONS = (
    *("us-east-1", "us-east-2", "us-west-1", "us-west-2", "eu-west-1", "eu-west-2", "eu-west-3", "eu-central-1"),
    *("ap-south-1", "ap-southeast-1", "ap-southeast-2", "ap-northeast-1", "ap-northeast-2"),
    *("sa-east-1", "ca-central-1"),
)
"""The regions that the product serves by default."""

SPECS_AS_OF = date(2026, 10, 27)
"""Release of moto 5.2.5, whose tables are refreshed from AWS before each release."""
ON_DEMAND_AS_OF = date(2025, 4, 4)
NEWER_ON_DEMAND_AS_OF = {"us-east-1": date(2026, 7, 20)}
ADVISOR_AS_OF = date(2025, 6, 28)

SOURCES = (
    "EC2 DescribeInstanceTypes and DescribeInstanceTypeOfferings as answered by moto 5.2.5 (2026-10-27)",
    "AWS price list, Linux on-demand, 2025-04-04; us-east-1 as published by Karpenter on 2026-07-20",
    "AWS Spot Instance Advisor feed, Linux, 2025-06-28",
)


def build(data: Path) -> Book:
    """The baseline from the CSV files in ``data`` and the specifications that moto knows."""
    prices, advice = _on_demand(data), _advice(data)
    with mock_aws():
        types = _types()
        offered = {region: _offered(region) for region in REGIONS}
    packed = {r: pack_region(_figures(r, offered[r], prices[r], advice[r]), types) for r in REGIONS}
    header = Header(format=FORMAT, specs_as_of=SPECS_AS_OF, sources=SOURCES)
    return Book(name="baseline", header=header, types=types, regions=packed)


def _types() -> dict[str, TypeSpec]:
    pages = boto3.client("ec2", "us-east-1").get_paginator("describe_instance_types").paginate()
    specs = (spec_from_ec2(item) for page in pages for item in page["InstanceTypes"])
    return {spec.name: spec for spec in specs if spec is not None}


def _offered(region: str) -> dict[str, set[str]]:
    paginator = boto3.client("ec2", region).get_paginator("describe_instance_type_offerings")
    found: defaultdict[str, set[str]] = defaultdict(set)
    for page in paginator.paginate(LocationType="availability-zone-id"):
        for offering in page["InstanceTypeOfferings"]:
            found[offering["InstanceType"]].add(offering["Location"])
    return found


def _figures(
    region: str, offered: Mapping[str, set[str]], prices: Mapping[str, int], advice: Mapping[str, Advice]
) -> RegionFigures:
    ids = sorted(set().union(*offered.values()))
    on_demand = NEWER_ON_DEMAND_AS_OF.get(region, ON_DEMAND_AS_OF)
    return RegionFigures(
        region=region,
        zones=tuple(Zone(id=zone_id, name=region + chr(ord("a") + rank)) for rank, zone_id in enumerate(ids)),
        names_assumed=True,
        as_of=AsOf(offerings=SPECS_AS_OF, on_demand=on_demand, advisor=ADVISOR_AS_OF),
        offered={name: frozenset(zone_ids) for name, zone_ids in offered.items()},
        on_demand_micro_usd=prices,
        advice=advice,
        spot_micro_usd={},
    )


def _on_demand(data: Path) -> dict[str, dict[str, int]]:
    prices: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for row in _rows(data / "aws_instance_catalog" / "aws_on_demand_linux_by_region_2025-04.csv.gz"):
        prices[row["region"]][row["instance_type"]] = _micro_usd(row["on_demand_usd_per_h"])
    for row in _rows(data / "aws_instance_catalog" / "karpenter_on_demand_linux.csv.gz"):
        if row["region"] in NEWER_ON_DEMAND_AS_OF:
            prices[row["region"]][row["instance_type"]] = _micro_usd(row["on_demand_usd_per_h"])
    return prices


def _advice(data: Path) -> dict[str, dict[str, Advice]]:
    advice: defaultdict[str, dict[str, Advice]] = defaultdict(dict)
    for row in _rows(data / "aws_spot_advisor" / "spot_advisor_2025-06.csv.gz"):
        if row["os"] == "Linux":
            saving, bucket = int(row["savings_pct"]), int(row["interruption_range"])
            advice[row["region"]][row["instance_type"]] = Advice(saving_percent=saving, bucket=bucket)
    return advice


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", newline="") as stream:
        yield from csv.DictReader(stream)


def _micro_usd(usd: str) -> int:
    micro = Decimal(usd) * MICRO_USD_PER_USD
    if micro != int(micro):
        raise ValueError(f"{usd} USD is no whole number of micro-USD: the format would lose it")
    return int(micro)


def main() -> None:
    """Build the baseline and say how large it became."""
    parser = argparse.ArgumentParser(description="Build the catalogue carried in the package.")
    parser.add_argument("data", type=Path, help="folder with aws_instance_catalog and aws_spot_advisor")
    parser.add_argument("--out", type=Path, default=BASELINE)
    arguments = parser.parse_args()
    book = build(arguments.data)
    write_book(book, arguments.out)
    size = arguments.out.stat().st_size
    sys.stdout.write(f"{len(book.types)} types, {len(book.regions)} regions, {size} bytes\n")


if __name__ == "__main__":
    main()
