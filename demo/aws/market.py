"""What AWS sells and for how much: the carried catalogue, or recorded prices in its place."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from adapters.catalog.book import baseline_book
from adapters.catalog.figures import RegionFigures, unpack_region
from demo.aws.requests import Answer, Asked
from domain.market import Zone
from domain.units import MICRO_USD_PER_USD

SPOT_PAGE = 1000
PRODUCTS_PAGE = 100
"""Items of one page, AWS' own limits."""

SPREAD = 0.06
"""How far the zones of a region lie apart in price, as a share."""

XML = [("Content-Type", "text/xml")]
JSON = [("Content-Type", "application/x-amz-json-1.1")]


@lru_cache(maxsize=32)
def figures_of(region: str) -> RegionFigures:
    """Figures of the carried catalogue."""
    return unpack_region(baseline_book(), region)


@dataclass
class Market:
    """Prices.

    Parameters
    ----------
    recorded
        Spot prices in micro-USD by region, then by type and zone id; regions that are not there have the catalogue's
        mean, spread over the zones.
    filler
        Bytes that each product of the price list carries besides: AWS' own are some 4 KB.
    """

    recorded: Mapping[str, Mapping[tuple[str, str], int]] = field(default_factory=dict)
    filler: int = 0

    def spot(self, region: str) -> Mapping[tuple[str, str], int]:
        """Spot prices that are in force, in micro-USD by type and zone id."""
        return self.recorded.get(region) or _from_catalogue(region)

    def history(self, asked: Asked, zones: Mapping[str, str]) -> Answer:
        """DescribeSpotPriceHistory; ``zones`` are the account's zone names by id."""
        rows = sorted(self.spot(asked.region).items())
        rows = [row for row in rows if row[0][1] in zones]
        start = int(asked.form.get("NextToken") or 0)
        page = rows[start : start + min(SPOT_PAGE, int(asked.form.get("MaxResults", SPOT_PAGE)))]
        token = str(start + len(page)) if start + len(page) < len(rows) else ""
        at = asked.form.get("StartTime", "2026-01-01T00:00:00Z")
        items = "".join(
            f"<item><instanceType>{name}</instanceType><productDescription>Linux/UNIX</productDescription>"
            f"<spotPrice>{price / MICRO_USD_PER_USD:.6f}</spotPrice><timestamp>{at}</timestamp>"
            f"<availabilityZone>{zones[zone_id]}</availabilityZone>"
            f"<availabilityZoneId>{zone_id}</availabilityZoneId></item>"
            for (name, zone_id), price in page
        )
        text = (
            '<DescribeSpotPriceHistoryResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
            f"<spotPriceHistorySet>{items}</spotPriceHistorySet><nextToken>{token}</nextToken>"
            "</DescribeSpotPriceHistoryResponse>"
        )
        return 200, XML, text.encode()

    def products(self, asked: Asked) -> Answer:
        """GetProducts."""
        body = json.loads(asked.body)
        fields = {item["Field"]: item["Value"] for item in body["Filters"]}
        metal = "bare metal" in fields["productFamily"]
        prices = sorted(figures_of(fields["regionCode"]).on_demand_micro_usd.items())
        rows = [(name, price) for name, price in prices if ("metal" in name) == metal]
        start = int(body.get("NextToken") or 0)
        page = rows[start : start + min(PRODUCTS_PAGE, int(body.get("MaxResults", PRODUCTS_PAGE)))]
        answer: dict[str, Any] = {"PriceList": [self._product(name, price) for name, price in page]}
        if start + len(page) < len(rows):
            answer["NextToken"] = str(start + len(page))
        return 200, JSON, json.dumps(answer).encode()

    def advisor(self) -> Answer:
        """The advisor's feed."""
        regions = {
            region: {"Linux": {name: {"s": a.saving_percent, "r": a.bucket} for name, a in advice.items()}}
            for region, advice in ((name, figures_of(name).advice) for name in sorted(baseline_book().regions))
        }
        return 200, [("Content-Type", "application/json")], json.dumps({"spot_advisor": regions}).encode()

    def _product(self, name: str, price: int) -> str:
        rate = {"unit": "Hrs", "pricePerUnit": {"USD": f"{price / MICRO_USD_PER_USD:.10f}"}}
        return json.dumps(
            {
                "product": {"attributes": {"instanceType": name, "note": "x" * self.filler}},
                "terms": {"OnDemand": {"term": {"priceDimensions": {"rate": rate}}}},
            }
        )


@lru_cache(maxsize=32)
def _from_catalogue(region: str) -> Mapping[tuple[str, str], int]:
    return dict(_spread(figures_of(region)))


def _spread(figures: RegionFigures) -> Iterator[tuple[tuple[str, str], int]]:
    zones: tuple[Zone, ...] = figures.zones
    for name, on_demand in figures.on_demand_micro_usd.items():
        if (advice := figures.advice.get(name)) is None:
            continue
        mean = on_demand * (1 - advice.saving_percent / 100)
        for place, zone in enumerate(zones):
            if zone.id in figures.offered[name]:
                # The same for every run, and not in the same order for every type.
                turn = (place + len(name)) % len(zones) / max(1, len(zones) - 1) - 0.5
                yield (name, zone.id), max(1, round(mean * (1 + SPREAD * turn)))
