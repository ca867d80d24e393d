"""Small catalogues for tests: one region, two zones, two families, figures easy to reckon with."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from adapters.catalog.book import Book, dump_book
from adapters.catalog.figures import Advice, RegionFigures, pack_region
from adapters.catalog.records import FORMAT, AsOf, Header, TypeSpec
from domain.market import Arch, Zone

REGION = "eu-west-1"
A, B = Zone(id="euw1-az1", name="eu-west-1a"), Zone(id="euw1-az2", name="eu-west-1b")
BOTH = frozenset({A.id, B.id})


def make_spec(name: str, **fields: Any) -> TypeSpec:
    return TypeSpec(name=name, **({"arch": Arch.AMD64, "vcpu": 2, "memory_mib": 8192, "pods": 29} | fields))


def make_types() -> dict[str, TypeSpec]:
    specs = (
        make_spec("m6i.large"),
        make_spec("m6i.xlarge", vcpu=4, memory_mib=16384, pods=58),
        make_spec("m6i.metal", vcpu=128, memory_mib=524288, pods=737, bare_metal=True),
        make_spec("c8g.large", arch=Arch.ARM64, memory_mib=4096),
        make_spec("u7i.large", spot=False),
    )
    return {spec.name: spec for spec in specs}


def make_figures(**fields: Any) -> RegionFigures:
    defaults: dict[str, Any] = {
        "region": REGION,
        "zones": (A, B),
        "names_assumed": True,
        "as_of": AsOf(offerings=date(2026, 10, 1), on_demand=date(2026, 7, 20), advisor=date(2026, 8, 1)),
        "offered": {"m6i.large": BOTH, "m6i.xlarge": frozenset({B.id}), "c8g.large": BOTH, "u7i.large": BOTH},
        "on_demand_micro_usd": {"m6i.large": 100_000, "m6i.xlarge": 200_000, "c8g.large": 80_000, "u7i.large": 900_000},
        "advice": {
            "m6i.large": Advice(saving_percent=60, bucket=0),
            "m6i.xlarge": Advice(saving_percent=50, bucket=4),
            "u7i.large": Advice(saving_percent=10, bucket=0),
        },
        "spot_micro_usd": {},
    }
    return RegionFigures(**(defaults | fields))


def make_book(*figures: RegionFigures, types: Mapping[str, TypeSpec] | None = None) -> Book:
    known = make_types() if types is None else types
    return Book(
        name="catalogue test",
        header=Header(format=FORMAT, specs_as_of=date(2026, 10, 1)),
        types=known,
        regions={f.region: pack_region(f, known) for f in figures or (make_figures(),)},
    )


def write_catalog(folder: Path, *figures: RegionFigures) -> Path:
    path = folder / "catalog.jsonl.gz"
    path.write_bytes(dump_book(make_book(*figures)))
    return path
