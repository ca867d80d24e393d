"""Reference rows from the carried catalogue: regions, zones, families, types, prices, interruption rates."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from adapters.catalog.book import Book
from adapters.catalog.figures import Advice, RegionFigures, unpack_region
from adapters.catalog.hazard import INTERRUPTION_PER_MONTH
from adapters.catalog.records import TypeSpec
from domain.market import Arch, CapacityType

REGIONS = {
    "us-east-1": "US East (N. Virginia)",
    "us-east-2": "US East (Ohio)",
    "us-west-1": "US West (N. California)",
    "us-west-2": "US West (Oregon)",
    "eu-west-1": "Europe (Ireland)",
    "eu-west-2": "Europe (London)",
    "eu-west-3": "Europe (Paris)",
    "eu-central-1": "Europe (Frankfurt)",
    "ap-south-1": "Asia Pacific (Mumbai)",
    "ap-southeast-1": "Asia Pacific (Singapore)",
    "ap-southeast-2": "Asia Pacific (Sydney)",
    "ap-northeast-1": "Asia Pacific (Tokyo)",
    "ap-northeast-2": "Asia Pacific (Seoul)",
    "sa-east-1": "South America (Sao Paulo)",
    "ca-central-1": "Canada (Central)",
}
"""The regions served, with AWS' names for them."""

_ARCHITECTURE = {Arch.AMD64: "x86_64", Arch.ARM64: "arm64"}

Row = dict[str, Any]
Columns = dict[str, list[Any]]


def columns(rows: Sequence[Row]) -> Columns:
    """Rows as one list per column."""
    return {name: [row[name] for row in rows] for name in rows[0]}


def reference_rows(book: Book) -> dict[str, list[Row]]:
    """All rows by the query that puts them, in an order that foreign keys allow."""
    figures = [unpack_region(book, region) for region in REGIONS]
    return {
        "put_regions": [{"region": region, "name": name} for region, name in REGIONS.items()],
        "put_zones": [{"zone_id": zone.id, "region": f.region} for f in figures for zone in f.zones],
        "put_families": list(_families(book)),
        "put_specs": [_spec(spec) for spec in book.types.values()],
        "put_prices": [row for f in figures for row in _prices(f, book)],
        "put_rates": [row for f in figures for row in _rates(f, book)],
    }


def _families(book: Book) -> Iterator[Row]:
    members: defaultdict[str, list[TypeSpec]] = defaultdict(list)
    for spec in book.types.values():
        members[spec.family].append(spec)
    for family, specs in members.items():
        yield {
            "family": family,
            "architecture": _ARCHITECTURE[specs[0].arch],
            "types": len(specs),
            "has_gpu": any(spec.gpu_count for spec in specs),
            "burstable": any(spec.burstable for spec in specs),
            "current_generation": any(spec.current for spec in specs),
        }


def _spec(spec: TypeSpec) -> Row:
    return {
        "instance_type": spec.name,
        "family": spec.family,
        "architecture": _ARCHITECTURE[spec.arch],
        "vcpu": spec.vcpu,
        "memory_mib": spec.memory_mib,
        "pods": spec.pods,
        "gpu_count": spec.gpu_count,
        "gpu_name": spec.gpu_name,
        "nvme_gb": spec.nvme_gb,
        "spot": spec.spot,
        "bare_metal": spec.bare_metal,
        "burstable": spec.burstable,
        "current_generation": spec.current,
    }


def _prices(figures: RegionFigures, book: Book) -> Iterator[Row]:
    oldest = book.header.specs_as_of
    day = figures.as_of.on_demand or oldest
    for name, price in figures.on_demand_micro_usd.items():
        yield _price(figures, name, CapacityType.ON_DEMAND, price=price, as_of=day)
        advice = figures.advice.get(name)
        if advice is not None and book.types[name].spot:
            mean = _mean_spot_price(price, advice)
            yield _price(figures, name, CapacityType.SPOT, price=mean, as_of=figures.as_of.advisor or oldest)
    for (name, zone_id), price in figures.spot_micro_usd.items():
        row = _price(figures, name, CapacityType.SPOT, price=price, as_of=figures.as_of.spot or oldest)
        yield row | {"zone_id": zone_id}


def _price(figures: RegionFigures, name: str, capacity_type: CapacityType, *, price: int, as_of: date) -> Row:
    return {
        "region": figures.region,
        "instance_type": name,
        "zone_id": None,
        "capacity_type": str(capacity_type),
        "price_micro_usd_per_h": price,
        "as_of": as_of,
    }


def _mean_spot_price(on_demand_micro_usd: int, advice: Advice) -> int:
    """As `adapters.catalog.load_catalog` reckons it: on-demand less the mean saving, at most on-demand."""
    return max(1, min(on_demand_micro_usd, round(on_demand_micro_usd * (1 - advice.saving_percent / 100))))


def _rates(figures: RegionFigures, book: Book) -> Iterator[Row]:
    for name, advice in figures.advice.items():
        yield {
            "region": figures.region,
            "instance_type": name,
            "bucket": advice.bucket,
            "probability_per_month": INTERRUPTION_PER_MONTH[advice.bucket],
            "saving_percent": advice.saving_percent,
            "as_of": figures.as_of.advisor or book.header.specs_as_of,
        }
