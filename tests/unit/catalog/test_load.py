from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from adapters.catalog import describe_type, load_catalog, regions, zones_of
from adapters.catalog.figures import Advice
from adapters.catalog.records import AsOf
from domain.errors import InputError
from domain.market import CapacityType, Catalog, Offering, Zone
from tests.unit.catalog.builders import BOTH, REGION, A, B, make_figures, write_catalog

SPOT, ON_DEMAND = CapacityType.SPOT, CapacityType.ON_DEMAND


def loaded(folder: Path, *zones: Zone, **figures: Any) -> Catalog:
    return load_catalog(REGION, zones=zones, path=write_catalog(folder, make_figures(**figures)))


def only(catalog: Catalog, name: str, capacity_type: CapacityType) -> Offering:
    """The offering of a type in zone A."""
    found = [o for o in catalog.offerings if o.pool.instance_type == name and o.capacity_type == capacity_type]
    return next(offering for offering in found if offering.zone == A)


def names(catalog: Catalog, zone: Zone, capacity_type: CapacityType = ON_DEMAND) -> set[str]:
    return {o.pool.instance_type for o in catalog.offerings if o.zone == zone and o.capacity_type == capacity_type}


def test_a_type_is_offered_in_exactly_the_zones_that_have_it(tmp_path: Path) -> None:
    catalog = loaded(tmp_path)
    assert names(catalog, A) == {"m6i.large", "c8g.large", "u7i.large"}
    assert names(catalog, B) == {"m6i.large", "m6i.xlarge", "c8g.large", "u7i.large"}


def test_only_the_zones_asked_for_are_offered_under_the_names_given(tmp_path: Path) -> None:
    mine = replace(A, name="eu-west-1c")
    catalog = loaded(tmp_path, mine, mine)
    assert {offering.zone for offering in catalog.offerings} == {mine}
    assert len(catalog.offerings) == len(set(catalog.offerings))


def test_on_demand_is_priced_exactly_and_never_interrupted(tmp_path: Path) -> None:
    offering = only(loaded(tmp_path), "m6i.large", ON_DEMAND)
    assert offering.price_usd_per_h == 0.1
    assert offering.interruption_per_month == 0


def test_spot_costs_on_demand_less_the_mean_saving(tmp_path: Path) -> None:
    offering = only(loaded(tmp_path), "m6i.large", SPOT)
    assert offering.price_usd_per_h == pytest.approx(0.04)
    assert not offering.price_known_by_zone


def test_a_spot_price_of_the_zone_goes_before_the_mean(tmp_path: Path) -> None:
    catalog = loaded(tmp_path, spot_micro_usd={("m6i.large", A.id): 33_000})
    offering = only(catalog, "m6i.large", SPOT)
    assert offering.price_usd_per_h == 0.033
    assert offering.price_known_by_zone
    assert {o.price_known_by_zone for o in catalog.offerings if o.zone == B} == {False}


def test_a_negative_saving_costs_no_more_than_on_demand(tmp_path: Path) -> None:
    catalog = loaded(tmp_path, advice={"m6i.large": Advice(saving_percent=-62, bucket=0)})
    assert only(catalog, "m6i.large", SPOT).price_usd_per_h == 0.1


@pytest.mark.parametrize(("bucket", "per_month"), [(0, 0.025), (1, 0.075), (2, 0.125), (3, 0.175), (4, 0.39)])
def test_the_bucket_gives_the_probability_of_interruption(tmp_path: Path, bucket: int, per_month: float) -> None:
    catalog = loaded(tmp_path, advice={"m6i.large": Advice(saving_percent=50, bucket=bucket)})
    assert only(catalog, "m6i.large", SPOT).interruption_per_month == per_month


def test_a_type_that_cannot_be_spot_is_offered_on_demand_only(tmp_path: Path) -> None:
    assert "u7i.large" not in names(loaded(tmp_path), A, SPOT)


def test_a_spot_type_without_a_price_is_left_out_and_counted(tmp_path: Path) -> None:
    catalog = loaded(tmp_path)
    assert "c8g.large" not in names(catalog, A, SPOT)
    assert "1 types can run as Spot but have no Spot price in the catalogue: not offered as Spot." in catalog.notes


def test_a_spot_price_without_advice_is_offered_at_the_mean_risk_and_counted(tmp_path: Path) -> None:
    catalog = loaded(tmp_path, spot_micro_usd={("c8g.large", A.id): 20_000})
    assert only(catalog, "c8g.large", SPOT).interruption_per_month == 0.2
    assert any(note.startswith("1 Spot types have no interruption figure") for note in catalog.notes)


def test_a_type_without_a_price_is_known_but_not_offered_and_counted(tmp_path: Path) -> None:
    catalog = loaded(tmp_path, on_demand_micro_usd={"m6i.large": 100_000})
    assert set(catalog.types) == {"m6i.large", "m6i.xlarge", "c8g.large", "u7i.large"}
    assert names(catalog, B) == {"m6i.large"}
    assert any(note.startswith("3 of 4 types offered here have no on-demand price") for note in catalog.notes)


def test_an_unknown_zone_is_taken_to_offer_all_and_a_note_says_so(tmp_path: Path) -> None:
    stand_in = Zone(id="eu-west-1a", name="eu-west-1a")
    catalog = loaded(tmp_path, stand_in)
    assert names(catalog, stand_in) == {"m6i.large", "m6i.xlarge", "c8g.large", "u7i.large"}
    assert any("eu-west-1a is not in the catalogue" in note for note in catalog.notes)


def test_a_zone_name_stands_in_for_its_id_when_an_account_told_the_names(tmp_path: Path) -> None:
    stand_in = Zone(id=A.name, name=A.name)
    catalog = loaded(tmp_path, stand_in, names_assumed=False, spot_micro_usd={("m6i.large", A.id): 33_000})
    assert names(catalog, stand_in) == {"m6i.large", "c8g.large", "u7i.large"}
    assert {o.price_usd_per_h for o in catalog.offerings if o.price_known_by_zone} == {0.033}
    assert {offering.pool.zone_id for offering in catalog.offerings} == {A.name}
    assert any(f"taken to be {A.id}" in note for note in catalog.notes)


def test_a_catalogue_is_as_old_as_the_oldest_part_of_its_prices(tmp_path: Path) -> None:
    dates = AsOf(offerings=date(2026, 9, 9), on_demand=date(2026, 9, 8), advisor=date(2020, 1, 1))
    assert loaded(tmp_path, as_of=dates).as_of == date(2020, 1, 1)
    by_zone = dates.model_copy(update={"spot": date(2026, 9, 7)})
    assert loaded(tmp_path, as_of=by_zone).as_of == date(2026, 9, 7)


def test_assumed_zone_names_are_told(tmp_path: Path) -> None:
    assert any("names of eu-west-1 are assumed" in note for note in loaded(tmp_path).notes)
    assert not any("assumed" in note for note in loaded(tmp_path, A).notes)
    assert not any("assumed" in note for note in loaded(tmp_path, names_assumed=False).notes)


def test_an_unknown_region_is_refused_with_those_known(tmp_path: Path) -> None:
    path = write_catalog(tmp_path)
    with pytest.raises(InputError, match="region eu-west-9: is not in the catalogue, which knows: eu-west-1"):
        load_catalog("eu-west-9", path=path)
    with pytest.raises(InputError, match="eu-west-9"):
        zones_of("eu-west-9", path)


@pytest.mark.parametrize("zone_id", ["usw2-az1", "us-west-2a"])
def test_a_zone_of_another_region_is_refused(tmp_path: Path, zone_id: str) -> None:
    west = Zone(id="usw2-az1", name="us-west-2a")
    other = make_figures(region="us-west-2", zones=(west,), offered={"m6i.large": frozenset({west.id})})
    path = write_catalog(tmp_path, make_figures(), other)
    with pytest.raises(InputError, match=f"zone {zone_id}: lies in us-west-2, not in eu-west-1"):
        load_catalog(REGION, zones=(Zone(id=zone_id, name=zone_id),), path=path)


def test_a_region_without_any_price_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="eu-west-1: has no price for any type"):
        loaded(tmp_path, offered={"m6i.large": BOTH}, on_demand_micro_usd={})


def test_an_unknown_type_is_refused_with_close_names() -> None:
    with pytest.raises(InputError, match=r"instance type m6i\.lage: is not in the catalogue; close: m6i\.large"):
        describe_type("m6i.lage")


def test_a_type_can_be_described_without_a_region() -> None:
    assert describe_type("p5.48xlarge").allocatable.extended == (("nvidia.com/gpu", 8),)


def test_regions_and_zones_of_a_file_are_its_own(tmp_path: Path) -> None:
    path = write_catalog(tmp_path)
    assert regions(path) == (REGION,)
    assert zones_of(REGION, path) == (A, B)
