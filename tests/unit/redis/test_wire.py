"""What is written down is read back, and names in Redis are those of the specification."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.redis import keys, wire
from adapters.redis.memory import MemoryBus
from adapters.redis.ports import Event, EventRules, Gap, GapCause, Message
from domain.events import EventPriority
from tests.unit.redis.builders import make_pool

TIMES = st.integers(min_value=0, max_value=4_000_000_000_000).map(wire.from_ms)


@given(
    event=st.builds(
        Event,
        event_id=st.text(min_size=1),
        cluster_id=st.text(min_size=1),
        priority=st.sampled_from(EventPriority),
        occurred_at=TIMES,
        body=st.binary(),
    )
)
def test_an_event_is_read_back_as_it_was_written(event: Event) -> None:
    assert wire.parse_event(wire.dump_event(event)) == event


def test_the_names_are_those_of_the_specification() -> None:
    assert keys.risk(make_pool()) == "RISK:us-east-1:use1-az6:c5.xlarge"
    assert keys.spot_prices("us-east-1", "c5.xlarge") == "spot_prices:us-east-1:c5.xlarge"
    assert keys.lab_telemetry("t") == "lab:telemetry:t"
    assert keys.cluster_events("c") == "cluster:events:c"
    assert keys.agent_heartbeat("c") == "agent:heartbeat:c"
    assert keys.agent_command("c") == "agent:command:c"


def test_a_pool_is_read_back_from_its_name() -> None:
    assert keys.pool_of(keys.risk_member(make_pool())) == make_pool()


@pytest.mark.parametrize("wrong", [{"event_id": ""}, {"cluster_id": ""}, {"occurred_at": datetime(2026, 1, 1)}])  # noqa: DTZ001
def test_an_event_without_id_cluster_or_time_zone_is_refused(wrong: dict[str, object]) -> None:
    whole = {
        "event_id": "e",
        "cluster_id": "c",
        "priority": EventPriority.REST,
        "occurred_at": datetime(2026, 1, 1, tzinfo=UTC),
    }
    with pytest.raises(ValueError, match="event"):
        Event(**{**whole, "body": b"{}", **wrong})


@pytest.mark.parametrize("wrong", [{"tries": 0}, {"capacity": 0}, {"claim_after_s": 0.0}])
def test_rules_that_cannot_work_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="queue"):
        EventRules(**wrong)


def test_waits_between_tries_double() -> None:
    assert [EventRules(retry_base_s=1.0).backoff_s(attempt) for attempt in (1, 2, 3)] == [1.0, 2.0, 4.0]


async def test_a_lost_connection_is_told_before_what_follows_and_takes_along_what_waited() -> None:
    bus = MemoryBus()
    async with bus.subscribe("a") as listening:
        await bus.publish("a", b"old")
        bus.interrupt()
        await bus.publish("a", b"new")
        assert await anext(listening) == Gap(cause=GapCause.RECONNECTED, dropped=1)
        assert await anext(listening) == Message(channel="a", body=b"new")


async def test_listening_ends_when_the_bus_is_closed() -> None:
    bus = MemoryBus()
    async with bus.subscribe("a") as listening:
        await bus.publish("a", b"last")
        await bus.aclose()
        assert [message async for message in listening] == [Message(channel="a", body=b"last")]
