"""How old prices are, on the health page."""

from datetime import timedelta

import pytest

from adapters.postgres.ports.market import MarketAge, MarketSource
from tests.unit.gateway.house import House


@pytest.mark.parametrize(
    ("minutes", "light", "detail"),
    [
        (4, "green", "4 min old"),
        (20, "amber", "20 min old; throttled"),
        (500, "red", "500 min old; throttled"),
        (None, "red", "never had; throttled"),
    ],
    ids=["fresh", "late", "too old", "never"],
)
async def test_the_health_page_tells_how_old_prices_are(
    spot: House, minutes: int | None, light: str, detail: str
) -> None:
    admin, now = await spot.somebody(None), spot.clock.now()
    age = MarketAge(
        region="us-east-1",
        source=MarketSource.SPOT,
        had_at=None if minutes is None else now - timedelta(minutes=minutes),
        tried_at=now,
        problem="" if light == "green" else "throttled",
    )
    async with spot.database.platform() as tx:
        await tx.market.note([age])
    answer = (await spot.http.get("/api/admin/health", headers=admin.headers)).json()
    part = next(one for one in answer["parts"] if one["name"] == "prices us-east-1")
    assert (part["light"], part["detail"]) == (light, detail)
