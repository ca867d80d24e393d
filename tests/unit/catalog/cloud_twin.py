"""An in-memory twin of the AWS clients that a refresh uses."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

KEYS = {
    "describe_instance_types": "InstanceTypes",
    "describe_instance_type_offerings": "InstanceTypeOfferings",
    "describe_spot_price_history": "SpotPriceHistory",
    "get_products": "PriceList",
}


@dataclass
class CloudTwin:
    """Answers of one region: pages by operation, or an error by operation."""

    pages: dict[str, list[list[Any]]] = field(default_factory=dict)
    zones: list[tuple[str, str]] = field(default_factory=list)
    errors: dict[str, Exception] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def describe_availability_zones(self, **arguments: Any) -> dict[str, Any]:
        self._ask("describe_availability_zones", arguments)
        return {"AvailabilityZones": [{"ZoneId": zone_id, "ZoneName": name} for zone_id, name in self.zones]}

    def get_paginator(self, operation: str) -> "Pages":
        return Pages(self, operation)

    def _ask(self, operation: str, arguments: dict[str, Any]) -> None:
        self.asked.append((operation, arguments))
        if operation in self.errors:
            raise self.errors[operation]


@dataclass
class Pages:
    twin: CloudTwin
    operation: str

    def paginate(self, **arguments: Any) -> Iterator[dict[str, Any]]:
        self.twin._ask(self.operation, arguments)
        for page in self.twin.pages.get(self.operation, []):
            yield {KEYS[self.operation]: page}


def refusal(code: str, *, status: int = 400) -> ClientError:
    answer = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "Operation")


def product(name: str, *usd: str, unit: str = "Hrs") -> str:
    rates = {str(n): {"unit": unit, "pricePerUnit": {"USD": price}} for n, price in enumerate(usd)}
    terms = {"OnDemand": {"term": {"priceDimensions": rates}}}
    return json.dumps({"product": {"attributes": {"instanceType": name}}, "terms": terms})
