"""The catalogue carried in the package."""

from collections.abc import Iterator

import pytest

from adapters.catalog import describe_type, load_catalog, regions, zones_of
from adapters.catalog.book import BASELINE, baseline_book, dump_book
from adapters.catalog.figures import pack_region, unpack_region
from domain.market import CapacityType, Catalog

REGIONS = (
    "ap-northeast-1 ap-northeast-2 ap-south-1 ap-southeast-1 ap-southeast-2 ca-central-1 eu-central-1 eu-west-1 "
    "eu-west-2 eu-west-3 sa-east-1 us-east-1 us-east-2 us-west-1 us-west-2"
)


@pytest.fixture(scope="module", params=REGIONS.split())
def catalog(request: pytest.FixtureRequest) -> Iterator[Catalog]:
    return load_catalog(request.param)


def test_the_fifteen_regions_are_carried() -> None:
    assert " ".join(regions()) == REGIONS


def test_it_stays_well_under_a_megabyte() -> None:
    assert BASELINE.stat().st_size < 200_000


def test_packing_it_again_gives_the_same_bytes() -> None:
    book = baseline_book()
    for region, packed in book.regions.items():
        assert pack_region(unpack_region(book, region), book.types) == packed
    assert dump_book(book) == BASELINE.read_bytes()


def test_every_region_has_hundreds_of_types_in_both_architectures_and_capacity_types(catalog: Catalog) -> None:
    spot = {o.pool.instance_type for o in catalog.offerings if o.capacity_type == CapacityType.SPOT}
    assert len(catalog.types) > 600
    assert len(spot) > 400
    assert {catalog.types[name].arch for name in spot} == {"amd64", "arm64"}


def test_every_offering_is_of_a_known_type_in_a_known_zone_and_none_stands_twice(catalog: Catalog) -> None:
    zones = set(zones_of(catalog.region))
    keys = [(offering.pool, offering.capacity_type) for offering in catalog.offerings]
    assert len(set(keys)) == len(keys)
    assert all(o.pool.instance_type in catalog.types and o.zone in zones for o in catalog.offerings)


def test_spot_never_costs_more_than_on_demand(catalog: Catalog) -> None:
    on_demand = {o.pool: o.price_usd_per_h for o in catalog.offerings if o.capacity_type == CapacityType.ON_DEMAND}
    spot = [o for o in catalog.offerings if o.capacity_type == CapacityType.SPOT]
    assert all(offering.price_usd_per_h <= on_demand[offering.pool] for offering in spot)


def test_every_type_has_room_for_a_pod() -> None:
    for name in baseline_book().types:
        room = describe_type(name).allocatable
        assert min(room.cpu_mcpu, room.memory_bytes, room.pods) > 0, name
