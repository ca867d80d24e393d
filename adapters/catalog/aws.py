"""What a refresh asks AWS: paged calls with a time limit and an end, their errors translated."""

import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, cast

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as BotoConnectionError

from adapters.catalog.records import TypeSpec
from adapters.catalog.specs import spec_from_ec2
from domain.errors import RejectedError, TransientError
from domain.market import Zone
from domain.units import MICRO_USD_PER_USD

ClientFactory = Callable[[str, str], Any]
"""Makes a boto3 client from a service and a region. Clients of boto3 have no static type without generated stubs."""

CONFIG = Config(connect_timeout=10, read_timeout=60, retries={"mode": "standard", "max_attempts": 5})
"""Seconds and tries of one request; standard mode backs off with jitter and knows throttling."""

CALL_LIMIT_S = 300.0
"""End of one paged call in all. The longest, Spot prices of us-east-1, takes some ten pages of a second each."""

PRICING_REGION = "us-east-1"
"""The Price List API answers in three regions, for all."""

EMPTY = "the answer is empty"

_TRANSIENT_CODES = ("Throttl", "RequestLimitExceeded", "TooManyRequests", "Unavailable", "Internal", "Timeout")

_LINUX = ("Linux/UNIX", "Linux/UNIX (Amazon VPC)")
"""Both names that AWS gives the price of a plain Linux in a VPC."""

_PRODUCTS = (
    {"tenancy": "Shared", "productFamily": "Compute Instance"},
    {"tenancy": "Dedicated", "productFamily": "Compute Instance (bare metal)"},
)
_PRICED_AS = {
    "operatingSystem": "Linux",
    "preInstalledSw": "NA",
    "capacitystatus": "Used",
    "marketoption": "OnDemand",
}


def boto_clients(session: boto3.Session | None = None, *, endpoint_url: str | None = None) -> ClientFactory:
    """A client factory from a session (the default one reads the usual AWS configuration).

    The factory raises RejectedError when the configuration or the name of the region is no good.
    """

    def make(service: str, region: str) -> Any:
        # Typed as Any: the overloads of boto3's stubs want a literal service name.
        source = cast("Any", session or boto3.Session())
        return source.client(service, region_name=region, endpoint_url=endpoint_url, config=CONFIG)

    return lambda service, region: _translated(lambda: make(service, region))


def fetch_specs(ec2: Any) -> dict[str, TypeSpec]:
    """Specifications of all types of the client's region, by name."""
    items = _items(ec2, "describe_instance_types", {}, key="InstanceTypes")
    specs = (spec_from_ec2(item) for item in items)
    return {spec.name: spec for spec in specs if spec is not None}


def fetch_zones(ec2: Any) -> tuple[Zone, ...]:
    """Availability zones that the account may use, with its own names; local and wavelength zones left out."""
    with_type = [{"Name": "zone-type", "Values": ["availability-zone"]}]
    answer = _translated(lambda: ec2.describe_availability_zones(Filters=with_type))
    zones = [Zone(id=zone["ZoneId"], name=zone["ZoneName"]) for zone in answer.get("AvailabilityZones", [])]
    if not zones:
        raise RejectedError(EMPTY)
    return tuple(sorted(zones))


def fetch_offered(ec2: Any, zones: Sequence[Zone]) -> dict[str, frozenset[str]]:
    """Zone ids that offer each type, among these zones."""
    asked = {"LocationType": "availability-zone-id"}
    known, found = {zone.id for zone in zones}, defaultdict[str, set[str]](set)
    for item in _items(ec2, "describe_instance_type_offerings", asked, key="InstanceTypeOfferings"):
        if item["Location"] in known:
            found[item["InstanceType"]].add(item["Location"])
    return {name: frozenset(zone_ids) for name, zone_ids in found.items()}


def fetch_spot(ec2: Any, zones: Sequence[Zone], *, now: datetime) -> dict[tuple[str, str], int]:
    """Current Spot prices in micro-USD/h by type and zone id.

    With the present as start time, AWS answers the last change before it: the price in force.
    """
    asked = {"StartTime": now, "ProductDescriptions": list(_LINUX)}
    ids = {zone.name: zone.id for zone in zones}
    known = set(ids.values())
    newest: dict[tuple[str, str], tuple[datetime, int]] = {}
    for item in _items(ec2, "describe_spot_price_history", asked, key="SpotPriceHistory"):
        zone_id = item.get("AvailabilityZoneId") or ids.get(item["AvailabilityZone"], "")
        price = _micro_usd(item["SpotPrice"])
        if zone_id not in known or not price:
            continue
        pool = (item["InstanceType"], zone_id)
        newest[pool] = max(newest.get(pool, (item["Timestamp"], price)), (item["Timestamp"], price))
    return {pool: price for pool, (_, price) in newest.items()}


def fetch_on_demand(pricing: Any, region: str) -> dict[str, int]:
    """On-demand prices of a region in micro-USD/h by type: Linux, shared or bare metal, no software on top.

    Where the list holds several prices for a type, the highest counts: better a dear surprise than a false saving.
    """
    prices: dict[str, int] = {}
    for kind in _PRODUCTS:
        fields = _PRICED_AS | kind | {"regionCode": region}
        filters = [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in fields.items()]
        asked = {"ServiceCode": "AmazonEC2", "FormatVersion": "aws_v1", "Filters": filters}
        for text in _items(pricing, "get_products", asked, key="PriceList"):
            name, price = _product_price(text)
            if price:
                prices[name] = max(prices.get(name, 0), price)
    return prices


def _items(client: Any, operation: str, arguments: Mapping[str, Any], *, key: str) -> Iterator[Any]:
    """Items of all pages of a call. An answer without any counts as an error: none of these lists is ever empty."""
    ends, found = time.monotonic() + CALL_LIMIT_S, 0
    pages = iter(_translated(lambda: client.get_paginator(operation).paginate(**arguments)))
    while (page := _translated(lambda: next(pages, None))) is not None:
        items = page.get(key, [])
        yield from items
        found += len(items)
        if time.monotonic() > ends:
            raise TransientError(f"no end after {CALL_LIMIT_S:.0f} s")
    if not found:
        raise RejectedError(EMPTY)


def _translated(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except ClientError as err:
        code = err.response.get("Error", {}).get("Code", "")
        status = err.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        passing = status >= 500 or any(word in code for word in _TRANSIENT_CODES)
        raise (TransientError if passing else RejectedError)(str(err)) from err
    except (HTTPClientError, BotoConnectionError) as err:
        raise TransientError(str(err)) from err
    except BotoCoreError as err:
        # Credentials, profiles, regions, parameters: what only the caller can put right.
        raise RejectedError(str(err)) from err


def _product_price(text: str) -> tuple[str, int]:
    try:
        product = json.loads(text)
        name = product["product"]["attributes"]["instanceType"]
        rates = [rate for term in product["terms"]["OnDemand"].values() for rate in term["priceDimensions"].values()]
        hourly = [_micro_usd(rate["pricePerUnit"]["USD"]) for rate in rates if rate["unit"] == "Hrs"]
    except (KeyError, TypeError, AttributeError, ValueError) as err:
        raise RejectedError(f"GetProducts answered a product that cannot be read: {err!r}") from err
    return name, max(hourly, default=0)


def _micro_usd(usd: str) -> int:
    try:
        return round(Decimal(usd) * MICRO_USD_PER_USD)
    except (InvalidOperation, ValueError) as err:
        raise RejectedError(f"{usd!r} is not a price") from err
