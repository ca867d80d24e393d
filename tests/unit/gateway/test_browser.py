"""What browsers of other origins may do."""

from tests.unit.gateway.house import house

ORIGIN = "https://tools.example.com"
PREFLIGHT = {
    "Origin": ORIGIN,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,x-csrf-token",
}


async def test_an_origin_of_the_settings_may_call_and_read_the_headers() -> None:
    async with house(cors_origins=(ORIGIN,)) as spot:
        asked = await spot.http.options("/api/clusters/connect", headers=PREFLIGHT)
        assert asked.status_code == 200
        assert asked.headers["access-control-allow-origin"] == ORIGIN
        called = await spot.http.get("/api/clusters", headers={"Origin": ORIGIN})
        assert called.headers["access-control-allow-origin"] == ORIGIN
        assert "X-Request-ID" in called.headers["access-control-expose-headers"]


async def test_other_origins_may_not() -> None:
    async with house(cors_origins=(ORIGIN,)) as spot:
        asked = await spot.http.options("/api/clusters", headers=PREFLIGHT | {"Origin": "https://evil.example.com"})
        assert "access-control-allow-origin" not in asked.headers
    async with house() as spot:
        asked = await spot.http.options("/api/clusters", headers=PREFLIGHT)
        assert "access-control-allow-origin" not in asked.headers
