from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from adapters.catalog import load_catalog, regions, zones_of
from adapters.catalog.advisor import AdviceByRegion
from adapters.catalog.aws import ClientFactory
from adapters.catalog.figures import Advice
from adapters.catalog.refresh import ADVISOR, OFFERINGS, ON_DEMAND, SPECS, SPOT, ZONES, RefreshReport, refresh_catalog
from domain.errors import InputError, TransientError
from domain.market import CapacityType
from tests.unit.catalog.builders import REGION, A, B, make_figures, write_catalog
from tests.unit.catalog.cloud_twin import CloudTwin, product, refusal
from tests.unit.catalog.test_specs import make_item

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
TODAY = date(2026, 11, 1)
OPERATIONS = {
    SPECS: "describe_instance_types",
    ZONES: "describe_availability_zones",
    OFFERINGS: "describe_instance_type_offerings",
    SPOT: "describe_spot_price_history",
    ON_DEMAND: "get_products",
}


def make_cloud(*failing: str) -> CloudTwin:
    time = datetime(2026, 11, 1, tzinfo=UTC)
    spot = {"InstanceType": "m6i.large", "SpotPrice": "0.03", "Timestamp": time, "AvailabilityZone": "eu-west-1c"}
    return CloudTwin(
        zones=[(A.id, "eu-west-1c"), (B.id, "eu-west-1a")],
        pages={
            "describe_instance_types": [[make_item()]],
            "describe_instance_type_offerings": [[{"InstanceType": "m6i.large", "Location": A.id}]],
            "describe_spot_price_history": [[spot]],
            "get_products": [[product("m6i.large", "0.11")]],
        },
        errors={OPERATIONS[call]: refusal("UnauthorizedOperation") for call in failing},
    )


def clients_of(**clouds: CloudTwin) -> ClientFactory:
    """Clients of the cloud for each region (with underscores); the price list is that of the first."""
    by_region = {name.replace("_", "-"): cloud for name, cloud in clouds.items()}
    first = next(iter(by_region.values()))
    return lambda service, region: first if service == "pricing" else by_region[region]


def advise() -> AdviceByRegion:
    return {REGION: {"m6i.large": Advice(saving_percent=70, bucket=3)}}


def refresh(out: Path, cloud: CloudTwin, **options: Any) -> RefreshReport:
    defaults = {"clients": clients_of(eu_west_1=cloud), "advisor": advise, "now": NOW}
    return refresh_catalog([REGION], out=out, **(defaults | options))


def price(path: Path, capacity_type: CapacityType, name: str = "m6i.large") -> float | None:
    return load_catalog(REGION, path=path).price(name, zone_id=A.id, capacity_type=capacity_type)


def test_a_refresh_replaces_every_figure_of_the_region(tmp_path: Path) -> None:
    out = write_catalog(tmp_path)
    report = refresh(out, make_cloud())

    catalog = load_catalog(REGION, path=out)
    assert report == RefreshReport(path=out, refreshed=(REGION,), failures=())
    assert set(catalog.types) == {"m6i.large"}
    assert catalog.as_of == TODAY
    assert price(out, CapacityType.ON_DEMAND) == 0.11
    assert price(out, CapacityType.SPOT) == 0.03
    assert [zone.name for zone in zones_of(REGION, out)] == ["eu-west-1c", "eu-west-1a"]


@pytest.mark.parametrize(
    ("call", "on_demand", "spot"),
    [(SPECS, 0.11, 0.03), (OFFERINGS, 0.11, 0.03), (SPOT, 0.11, 0.033), (ON_DEMAND, 0.1, 0.03), (ZONES, 0.11, 0.033)],
)
def test_a_failing_call_is_named_and_its_figures_stay(tmp_path: Path, call: str, on_demand: float, spot: float) -> None:
    out = write_catalog(tmp_path)
    report = refresh(out, make_cloud(call))

    assert [(failure.region, failure.call) for failure in report.failures] == [(REGION, call)]
    assert "UnauthorizedOperation" in str(report.failures[0])
    assert price(out, CapacityType.ON_DEMAND) == on_demand
    assert price(out, CapacityType.SPOT) == pytest.approx(spot)


def test_figures_that_stay_keep_their_date(tmp_path: Path) -> None:
    out = write_catalog(tmp_path)
    refresh(out, make_cloud(ON_DEMAND))
    assert load_catalog(REGION, path=out).as_of == date(2026, 7, 20)


def test_a_feed_that_fails_is_named_for_all_regions_and_old_advice_stays(tmp_path: Path) -> None:
    def silent() -> AdviceByRegion:
        raise TransientError("no answer")

    out = write_catalog(tmp_path)
    report = refresh(out, make_cloud(SPOT), advisor=silent)
    assert [(failure.region, failure.call) for failure in report.failures] == [("all regions", ADVISOR), (REGION, SPOT)]
    assert price(out, CapacityType.SPOT) == pytest.approx(0.11 * 0.4)


def test_a_region_that_the_feed_does_not_know_is_named(tmp_path: Path) -> None:
    report = refresh(write_catalog(tmp_path), make_cloud(), advisor=lambda: {"mars-1": advise()[REGION]})
    assert [str(failure) for failure in report.failures] == [f"{REGION}: {ADVISOR}: the feed does not know this region"]


def test_regions_not_asked_for_stay_as_they_are(tmp_path: Path) -> None:
    other = make_figures(region="eu-west-2", zones=(A, B))
    out = write_catalog(tmp_path, make_figures(), other)
    before = load_catalog("eu-west-2", path=out)
    refresh(out, make_cloud())
    assert load_catalog("eu-west-2", path=out) == before


def test_a_first_refresh_starts_from_the_carried_catalogue(tmp_path: Path) -> None:
    out = tmp_path / "catalog.jsonl.gz"
    refresh(out, make_cloud())
    assert regions(out) == regions()
    assert load_catalog("us-east-1", path=out).offerings == load_catalog("us-east-1").offerings


def test_a_region_new_to_the_catalogue_is_added(tmp_path: Path) -> None:
    out = tmp_path / "catalog.jsonl.gz"
    refresh_catalog(["mx-central-1"], out=out, clients=clients_of(mx_central_1=make_cloud()), advisor=dict, now=NOW)
    assert "mx-central-1" in regions(out)
    assert load_catalog("mx-central-1", path=out).as_of == TODAY


def test_when_every_call_fails_nothing_is_written(tmp_path: Path) -> None:
    out = tmp_path / "catalog.jsonl.gz"
    report = refresh(out, make_cloud(*OPERATIONS), advisor=dict)
    assert report.refreshed == ()
    assert [failure.call for failure in report.failures] == [SPECS, ZONES, ON_DEMAND]
    assert not out.exists()


def test_one_region_that_fails_does_not_stop_the_next(tmp_path: Path) -> None:
    out = tmp_path / "catalog.jsonl.gz"
    clients = clients_of(eu_west_1=make_cloud(SPECS, ZONES), eu_west_2=make_cloud())
    report = refresh_catalog([REGION, "eu-west-2", REGION], out=out, clients=clients, advisor=dict, now=NOW)
    assert report.refreshed == (REGION, "eu-west-2")
    assert [(failure.region, failure.call) for failure in report.failures] == [(REGION, SPECS), (REGION, ZONES)]


def test_each_call_is_told_before_it_is_made(tmp_path: Path) -> None:
    told: list[str] = []
    refresh(tmp_path / "catalog.jsonl.gz", make_cloud(), on_progress=told.append)
    calls = (SPECS, ZONES, OFFERINGS, SPOT, ON_DEMAND)
    assert told == [f"all regions: {ADVISOR}", *(f"{REGION}: {call}" for call in calls)]


def test_no_region_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="regions: is empty"):
        refresh_catalog([], out=tmp_path / "catalog.jsonl.gz", clients=clients_of(eu_west_1=make_cloud()))


def test_a_damaged_last_catalogue_is_refused_before_any_call(tmp_path: Path) -> None:
    out, cloud = tmp_path / "catalog.jsonl.gz", make_cloud()
    out.write_bytes(b"{nonsense")
    with pytest.raises(InputError, match="line 1"):
        refresh(out, cloud)
    assert cloud.asked == []
