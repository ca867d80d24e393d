"""A refresh through boto3 against moto in server mode: what it writes is what `load_catalog` then reads."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import boto3
import pytest

from adapters.catalog import load_catalog, regions, zones_of
from adapters.catalog.advisor import fetch_advisor
from adapters.catalog.aws import boto_clients
from adapters.catalog.refresh import RefreshReport, refresh_catalog
from domain.errors import RejectedError
from domain.market import CapacityType
from tests.integration.catalog.cloud import Cloud, served

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
REGION, OTHER = "us-west-1", "ca-central-1"


def make_cloud() -> Cloud:
    return Cloud(
        products={
            REGION: [
                ("m6i.large", "0.1120000000"),
                ("m6i.xlarge", "0.2240000000"),
                ("c6g.large", "0.0848"),
                ("m6i.metal", "7.168"),
                ("t3.micro", "0.0000000000"),
            ],
            OTHER: [("m6i.large", "0.107"), ("c5.metal", "4.464")],
        },
        spot={
            REGION: [
                ("m6i.large", "us-west-1a", "0.051000", "2026-11-01T11:00:00.000Z"),
                ("m6i.large", "us-west-1a", "0.040000", "2026-11-01T09:00:00.000Z"),
                ("m6i.large", "us-west-1b", "0.049000", "2026-11-01T10:00:00.000Z"),
            ],
            OTHER: [("m6i.large", "ca-central-1a", "0.041", "2026-11-01T11:00:00.000Z")],
        },
        advisor={
            "ranges": [],
            "spot_advisor": {
                REGION: {"Linux": {"m6i.large": {"s": 60, "r": 0}, "m6i.xlarge": {"s": 50, "r": 3}}, "Windows": {}},
                OTHER: {"Linux": {"m6i.large": {"s": 61, "r": 4}}},
            },
        },
    )


def refresh(address: str, out: Path, *names: str) -> RefreshReport:
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test")
    clients = boto_clients(session, endpoint_url=address)
    return refresh_catalog(names, out=out, clients=clients, advisor=f"{address}/spot-advisor-data.json", now=NOW)


@dataclass(frozen=True)
class Refreshed:
    """One refresh without a failure, shared by the tests that only look at it."""

    asked: list[str]
    out: Path
    report: RefreshReport


@pytest.fixture(scope="module")
def refreshed(tmp_path_factory: pytest.TempPathFactory) -> Refreshed:
    cloud, out = make_cloud(), tmp_path_factory.mktemp("refresh") / "catalog.jsonl.gz"
    with served(cloud) as address:
        report = refresh(address, out, REGION)
    return Refreshed(asked=cloud.asked, out=out, report=report)


def test_a_refreshed_catalogue_holds_prices_by_zone_and_the_dates_of_the_day(refreshed: Refreshed) -> None:
    assert refreshed.report.failures == ()
    assert refreshed.report.refreshed == (REGION,)
    catalog = load_catalog(REGION, path=refreshed.out)
    assert catalog.as_of == date(2026, 11, 1)
    (zone,) = (zone for zone in zones_of(REGION, refreshed.out) if zone.name == "us-west-1a")
    spot = {o.pool.instance_type: o for o in catalog.offerings if o.zone == zone and o.capacity_type == "spot"}
    assert spot["m6i.large"].price_usd_per_h == pytest.approx(0.051), "the newest of two prices counts"
    assert spot["m6i.large"].price_known_by_zone
    assert spot["m6i.large"].interruption_per_month == pytest.approx(0.025)
    assert spot["m6i.xlarge"].price_usd_per_h == pytest.approx(0.112), "the mean of the region where no zone has one"
    assert not spot["m6i.xlarge"].price_known_by_zone


def test_on_demand_prices_come_from_all_pages_of_both_product_families(refreshed: Refreshed) -> None:
    offerings = load_catalog(REGION, path=refreshed.out).offerings
    on_demand = [offering for offering in offerings if offering.capacity_type == CapacityType.ON_DEMAND]
    prices = {offering.pool.instance_type: offering.price_usd_per_h for offering in on_demand}
    assert prices == pytest.approx({"m6i.large": 0.112, "m6i.xlarge": 0.224, "c6g.large": 0.0848, "m6i.metal": 7.168})


def test_every_call_is_made_once_a_region_and_the_feed_once_in_all(refreshed: Refreshed) -> None:
    assert refreshed.asked.count("json") == 1
    assert refreshed.asked.count("DescribeInstanceTypes") == 1
    assert refreshed.asked.count("DescribeSpotPriceHistory") == 2, "two pages"
    assert refreshed.asked.count("GetProducts") == 3, "two pages of shared types, one of bare metal"


def test_a_refused_call_keeps_the_last_good_figures_of_that_region_only(tmp_path: Path) -> None:
    cloud, out = make_cloud(), tmp_path / "catalog.jsonl.gz"
    cloud.failing = {(REGION, "GetProducts"), (REGION, "DescribeInstanceTypes")}
    with served(cloud) as address:
        report = refresh(address, out, REGION, OTHER)

    assert [(f.region, f.call) for f in report.failures] == [(REGION, "DescribeInstanceTypes"), (REGION, "GetProducts")]
    assert "not allowed" in report.failures[0].problem
    carried, kept = load_catalog(REGION), load_catalog(REGION, path=out)
    pool = {"zone_id": zones_of(REGION)[0].id, "capacity_type": CapacityType.ON_DEMAND}
    assert kept.price("m6i.xlarge", **pool) == carried.price("m6i.xlarge", **pool)
    assert kept.as_of == carried.as_of
    other = load_catalog(OTHER, path=out)
    assert {o.pool.instance_type for o in other.offerings} == {"m6i.large", "c5.metal"}
    assert regions(out) == regions()


def test_a_feed_that_is_forbidden_is_refused_without_another_try() -> None:
    cloud = make_cloud()
    cloud.failing = {("", "json")}
    with served(cloud) as address, pytest.raises(RejectedError, match="403"):
        fetch_advisor(f"{address}/spot-advisor-data.json", wait=pytest.fail)


def test_a_server_that_is_not_there_leaves_no_file_and_names_every_call(tmp_path: Path) -> None:
    with served(make_cloud()) as address:
        pass
    out = tmp_path / "catalog.jsonl.gz"
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test")
    clients = boto_clients(session, endpoint_url=address)
    report = refresh_catalog((REGION,), out=out, clients=clients, advisor=dict, now=NOW)

    assert not out.exists()
    assert report.refreshed == ()
    assert {failure.call for failure in report.failures} >= {"DescribeInstanceTypes", "GetProducts"}
