"""What AWS has told lately goes over the carried catalogue, and never the other way round."""

from datetime import UTC, datetime

from adapters.catalog import LiveFigures, load_catalog
from adapters.catalog.figures import Advice
from domain.market import CapacityType, Catalog, Offering, Zone

EAST, ZONE = "us-east-1", Zone(id="use1-az1", name="us-east-1a")
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def offer(catalog: Catalog, kind: CapacityType, name: str = "m5.large") -> Offering:
    return next(o for o in catalog.offerings if o.pool.instance_type == name and o.capacity_type is kind)


def catalog(live: LiveFigures | None) -> Catalog:
    return load_catalog(EAST, zones=[ZONE], live=live)


def test_live_prices_and_advice_go_over_the_carried_ones() -> None:
    live = LiveFigures(
        region=EAST,
        spot_micro_usd={("m5.large", ZONE.id): 12_345},
        on_demand_micro_usd={"m5.large": 111_000},
        advice={"m5.large": Advice(saving_percent=50, bucket=4)},
        spot_at=NOW,
        on_demand_at=NOW,
        advice_at=NOW,
    )
    spot = offer(catalog(live), CapacityType.SPOT)
    assert (spot.price_usd_per_h, spot.price_known_by_zone) == (0.012345, True)
    assert spot.interruption_per_month == 0.39
    assert offer(catalog(live), CapacityType.ON_DEMAND).price_usd_per_h == 0.111
    assert any("2026-11-23" in note for note in catalog(live).notes)


def test_what_aws_does_not_tell_of_is_still_known() -> None:
    live = LiveFigures(region=EAST, spot_micro_usd={("m5.large", ZONE.id): 12_345}, spot_at=NOW)
    assert offer(catalog(live), CapacityType.SPOT, "m5.xlarge") == offer(catalog(None), CapacityType.SPOT, "m5.xlarge")
    assert offer(catalog(live), CapacityType.ON_DEMAND) == offer(catalog(None), CapacityType.ON_DEMAND)


def test_figures_older_than_the_carried_ones_are_left_out() -> None:
    live = LiveFigures(
        region=EAST,
        on_demand_micro_usd={"m5.large": 1},
        advice={"m5.large": Advice(saving_percent=1, bucket=4)},
        on_demand_at=LONG_AGO,
        advice_at=LONG_AGO,
    )
    assert catalog(live) == catalog(None)


def test_without_fresh_parts_the_catalogue_is_as_it_was() -> None:
    assert catalog(LiveFigures(region=EAST)) == catalog(None)
