from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError, NoCredentialsError, ReadTimeoutError

from adapters.catalog import aws
from domain.errors import RejectedError, TransientError
from tests.unit.catalog.builders import A, B
from tests.unit.catalog.cloud_twin import CloudTwin, product, refusal
from tests.unit.catalog.test_specs import make_item

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


def history(name: str, usd: str, *, hour: int = 1, **fields: Any) -> dict[str, Any]:
    time = datetime(2026, 11, 1, hour, tzinfo=UTC)
    return {"InstanceType": name, "SpotPrice": usd, "Timestamp": time, "AvailabilityZone": A.name} | fields


def spot_of(*items: dict[str, Any]) -> dict[tuple[str, str], int]:
    twin = CloudTwin(pages={"describe_spot_price_history": [[item] for item in items]})
    return aws.fetch_spot(twin, (A, B), now=NOW)


def on_demand_of(*products: str) -> dict[str, int]:
    return aws.fetch_on_demand(CloudTwin(pages={"get_products": [list(products)]}), "eu-west-1")


def test_specifications_of_all_pages_are_gathered_and_macs_left_out() -> None:
    mac = make_item(InstanceType="mac2.metal", ProcessorInfo={"SupportedArchitectures": ["arm64_mac"]})
    pages = [[make_item()], [mac, make_item(InstanceType="m6i.xlarge")]]
    assert set(aws.fetch_specs(CloudTwin(pages={"describe_instance_types": pages}))) == {"m6i.large", "m6i.xlarge"}


def test_offerings_in_zones_that_are_not_ours_are_left_out() -> None:
    items = [{"InstanceType": "m6i.large", "Location": zone} for zone in (A.id, B.id, "euw1-lax1-az1")]
    twin = CloudTwin(pages={"describe_instance_type_offerings": [items]})
    assert aws.fetch_offered(twin, (A, B)) == {"m6i.large": frozenset({A.id, B.id})}


def test_the_newest_spot_price_of_a_pool_counts_in_whatever_order_they_come() -> None:
    prices = spot_of(history("m6i.large", "0.03", hour=2), history("m6i.large", "0.05", hour=3))
    assert prices == {("m6i.large", A.id): 50_000}
    assert spot_of(history("m6i.large", "0.05", hour=3), history("m6i.large", "0.03", hour=2)) == prices


def test_a_zone_id_in_the_answer_goes_before_the_name() -> None:
    assert spot_of(history("m6i.large", "0.03", AvailabilityZoneId=B.id)) == {("m6i.large", B.id): 30_000}


def test_spot_prices_of_unknown_zones_and_of_nothing_are_left_out() -> None:
    assert spot_of(history("m6i.large", "0.03", AvailabilityZone="eu-west-1z"), history("m6i.large", "0.0")) == {}


def test_the_price_in_force_is_asked_for_by_starting_now() -> None:
    twin = CloudTwin(pages={"describe_spot_price_history": [[history("m6i.large", "0.03")]]})
    aws.fetch_spot(twin, (A,), now=NOW)
    assert twin.asked[0][1]["StartTime"] == NOW


def test_on_demand_prices_are_exact_to_the_micro_dollar() -> None:
    assert on_demand_of(product("m6i.large", "0.1070010000")) == {"m6i.large": 107_001}


def test_the_highest_of_several_prices_counts_and_prices_of_nothing_do_not() -> None:
    assert on_demand_of(product("m6i.large", "0.2"), product("m6i.large", "0.1"), product("c5.large", "0.0")) == {
        "m6i.large": 200_000
    }


def test_rates_that_are_not_by_the_hour_are_left_out() -> None:
    assert on_demand_of(product("m6i.large", "0.1"), product("c5.large", "5", unit="Quantity")) == {
        "m6i.large": 100_000
    }


@pytest.mark.parametrize("text", ["{", "[]", '{"product": {}}', product("m6i.large", "cheap")])
def test_a_product_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(RejectedError):
        on_demand_of(text)


def test_a_region_that_cannot_be_one_is_refused() -> None:
    with pytest.raises(RejectedError, match="no region"):
        aws.boto_clients(boto3.Session())("ec2", "no region")


def test_a_list_without_any_entry_is_refused() -> None:
    with pytest.raises(RejectedError, match="empty"):
        aws.fetch_specs(CloudTwin(pages={"describe_instance_types": [[], []]}))
    with pytest.raises(RejectedError, match="empty"):
        aws.fetch_zones(CloudTwin())


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (refusal("UnauthorizedOperation", status=403), RejectedError),
        (refusal("RequestLimitExceeded", status=503), TransientError),
        (refusal("ThrottlingException"), TransientError),
        (refusal("InternalError", status=500), TransientError),
        (NoCredentialsError(), RejectedError),
        (EndpointConnectionError(endpoint_url="https://ec2"), TransientError),
        (ReadTimeoutError(endpoint_url="https://ec2"), TransientError),
    ],
)
def test_foreign_errors_are_sorted_by_whether_trying_again_helps(error: Exception, kind: type[Exception]) -> None:
    with pytest.raises(kind) as caught:
        aws.fetch_zones(CloudTwin(errors={"describe_availability_zones": error}))
    assert caught.value.__cause__ is error
    with pytest.raises(kind):
        aws.fetch_specs(CloudTwin(errors={"describe_instance_types": error}))
