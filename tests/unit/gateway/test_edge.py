"""What holds for every request: ids, headers, addresses, errors, limits, logs."""

import asyncio
import json
from typing import Any

import pytest

from adapters.redis.ports import Verdict
from domain.errors import InvariantError, TransientError
from serve.gateway.addresses import ProxyTrust, counted_as
from serve.gateway.limits import CallLimits, rule_of
from serve.gateway.logs import WAITING, LogForwarder, without_secrets
from serve.gateway.paging import dump_cursor, parse_cursor
from tests.unit.gateway.house import House, house


async def test_a_request_keeps_its_id_and_every_answer_has_one(spot: House) -> None:
    given = await spot.http.get("/api/clusters", headers={"X-Request-ID": "trace-1.2:3"})
    assert given.headers["x-request-id"] == "trace-1.2:3"
    assert given.json()["request_id"] == "trace-1.2:3"
    harmful = await spot.http.get("/api/clusters", headers={"X-Request-ID": "a b\tc"})
    assert harmful.headers["x-request-id"] not in ("", "a b\tc")


async def test_answers_carry_security_headers(spot: House) -> None:
    headers = (await spot.http.get("/api/nothing")).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["strict-transport-security"].startswith("max-age=")
    assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [("GET", "/api/nothing", 404, "not-found"), ("PUT", "/api/clusters", 405, "method-not-allowed")],
)
async def test_errors_of_the_framework_are_problems_too(
    spot: House, method: str, path: str, status: int, kind: str
) -> None:
    answer = await spot.http.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == f"urn:spotopt:problem:{kind}"


async def test_a_bug_is_an_internal_error_that_tells_nothing(spot: House, caplog: pytest.LogCaptureFixture) -> None:
    owner = await spot.somebody()
    agent = await spot.agent(owner)
    for error in (InvariantError("the secret cause"), ZeroDivisionError("the secret cause")):
        spot.clusters.error = error
        answer = await spot.http.get(f"/api/clusters/{agent.cluster_id}", headers=owner.headers)
        assert answer.status_code == 500
        assert "secret" not in answer.text
        assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert "the secret cause" in caplog.text


async def test_every_wrong_field_is_named(spot: House) -> None:
    owner = await spot.somebody()
    body = {"name": "no spaces please", "region": "moon", "extra": 1}
    answer = await spot.http.post("/api/clusters/connect", json=body, headers=owner.headers)
    assert answer.status_code == 422
    assert {one["field"] for one in answer.json()["errors"]} == {"body.name", "body.region", "body.extra"}


async def test_a_long_body_is_refused_before_anybody_is_known(spot: House) -> None:
    answer = await spot.http.post("/api/auth/token", content=b"x" * (70 << 10))
    assert answer.status_code == 413


async def test_calls_of_an_address_are_limited_whoever_calls() -> None:
    async with house(address_rate_limit="5/minute") as spot:
        statuses = [(await spot.http.get("/api/nothing")).status_code for _ in range(6)]
        assert statuses == [404] * 5 + [429]


async def test_pages_follow_each_other_without_gap_or_overlap(spot: House) -> None:
    owner = await spot.somebody()
    for number in range(5):
        await spot.agent(owner, name=f"c{number}")
    names, cursor = [], None
    while True:
        params: dict[str, Any] = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await spot.http.get("/api/clusters", params=params, headers=owner.headers)).json()
        names += [one["name"] for one in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert sorted(names) == ["c0", "c1", "c2", "c3", "c4"]


@pytest.mark.parametrize("cursor", ["x", "AAAA", "!" * 32, "f" * 64])
async def test_a_cursor_that_is_none_of_ours_is_refused_by_name(spot: House, cursor: str) -> None:
    owner = await spot.somebody()
    answer = await spot.http.get("/api/clusters", params={"cursor": cursor}, headers=owner.headers)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "query.cursor"


def test_a_cursor_survives_being_written_and_read() -> None:
    cursor = parse_cursor(dump_cursor(parse_cursor("AAY6nDs8AAAAAAAAAAAAAAAAAAAAAAAB")))
    assert parse_cursor(dump_cursor(cursor)) == cursor


def test_only_hops_over_our_own_proxies_are_believed() -> None:
    trust = ProxyTrust(("127.0.0.1", "10.0.0.0/8"))
    assert trust.client("127.0.0.1", "198.51.100.1, 203.0.113.5, 10.1.2.3") == "203.0.113.5"
    assert trust.client("203.0.113.5", "198.51.100.1") == "203.0.113.5"
    assert trust.client("127.0.0.1", "") == "127.0.0.1"


def test_a_proxy_of_ours_is_not_limited_as_if_it_were_one_caller() -> None:
    trust = ProxyTrust(("127.0.0.1",))
    assert trust.counted("127.0.0.1") == ""
    assert trust.counted("203.0.113.5") == "203.0.113.5"


def test_a_whole_ipv6_network_counts_as_one_address() -> None:
    assert counted_as("2001:db8::1") == counted_as("2001:db8::ffff") == "2001:db8::/64"
    assert counted_as("::ffff:203.0.113.5") == "203.0.113.5"
    assert counted_as("<script>") == "unknown"


class Counting:
    """A shared limiter that counts how often it is asked."""

    def __init__(self, lots: int) -> None:
        self.left = lots
        self.asked: list[str] = []

    async def hit(self, limit: str, *key: str) -> Verdict:
        self.asked.append(limit)
        await asyncio.sleep(0)
        allowed = self.left > 0
        self.left -= allowed
        return Verdict(allowed=allowed, limit=30, remaining=self.left, resets_in_s=40.0)


async def test_a_lot_of_calls_costs_one_question(spot: House) -> None:
    rates = Counting(lots=2)
    limits = CallLimits(rates, spot.clock)
    verdicts = [await limits.hit("600/minute", "user", "ada") for _ in range(40)]
    assert all(verdict.allowed for verdict in verdicts)
    assert rates.asked == ["30 per 1 minute"] * 2
    assert not (await limits.hit("600/minute", "user", "ada")).allowed
    assert (verdicts[0].limit, verdicts[0].remaining) == (600, 39)


async def test_calls_at_once_draw_one_lot(spot: House) -> None:
    rates = Counting(lots=1)
    limits = CallLimits(rates, spot.clock)
    verdicts = await asyncio.gather(*(limits.hit("600/minute", "user", "ada") for _ in range(20)))
    assert all(verdict.allowed for verdict in verdicts)
    assert len(rates.asked) == 1


class Away:
    """A shared limiter that cannot be reached."""

    def __init__(self) -> None:
        self.asked = 0

    async def hit(self, limit: str, *key: str) -> Verdict:
        self.asked += 1
        raise TransientError("away")


async def test_without_the_shared_limiter_each_replica_counts_alone_but_nobody_signs_in(spot: House) -> None:
    rates = Away()
    limits = CallLimits(rates, spot.clock)
    verdicts = [await limits.hit("600/minute", "key", "agent") for _ in range(601)]
    assert [verdict.allowed for verdict in verdicts] == [True] * 600 + [False]
    assert rates.asked == 1
    with pytest.raises(TransientError):
        await limits.hit("10/minute", "sign-in-account", "ada")


def test_small_limits_are_exact() -> None:
    assert (rule_of("10/minute").lot, rule_of("600/minute").lot) == (1, 20)


def test_secrets_do_not_reach_the_log() -> None:
    line = without_secrets(
        None,
        "info",
        {
            "event": "GET postgresql://owner:hunter2@db/x?ticket=abc123",
            "password": "p",
            "api_key": "k",
            "key": "so_" + "a" * 43,
            "token_used": 1,
            "status": 200,
        },
    )
    text = json.dumps(line)
    assert "hunter2" not in text
    assert "abc123" not in text
    assert "aaaa" not in text
    assert (line["password"], line["api_key"], line["status"]) == ("[hidden]", "[hidden]", 200)


async def test_log_lines_wait_within_a_bound_and_the_dropped_are_counted(spot: House) -> None:
    forwarder = LogForwarder()
    for number in range(WAITING + 7):
        forwarder.put(str(number).encode())
    await forwarder.publish(spot.hub.bus)
    await spot.clock.advance(0)
    assert json.loads(spot.gateway.recent_logs.lines()[-1])["count"] == 7
