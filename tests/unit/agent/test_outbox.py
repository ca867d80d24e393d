"""What waits is bounded in bytes: measurements go first, oldest first; events and results stay while they count."""

import random

from adapters.clock import VirtualClock
from agent.service.outbox import Outbox
from agent.telemetry import Telemetry
from domain.wire.messages import ResultBody

DONE = ResultBody(status="completed")


def make(max_bytes: int = 3_000) -> tuple[Outbox, VirtualClock, Telemetry]:
    clock, telemetry = VirtualClock(), Telemetry()
    return Outbox(clock, telemetry, max_bytes=max_bytes), clock, telemetry


def sample(number: int) -> dict[str, object]:
    noise = random.Random(number).randbytes(500).hex()
    return {"timestamp": number, "nodes": [noise], "pods": []}


def event(event_id: str, size: int = 0) -> dict[str, str]:
    return {"event_id": event_id, "event_type": "pod_pending", "message": "x" * size}


async def test_the_oldest_measurements_are_dropped_first() -> None:
    outbox, _, telemetry = make()
    for number in range(10):
        outbox.put_sample(sample(number))
    assert outbox.bytes <= 3_000
    oldest = outbox.oldest_sample()
    assert oldest is not None
    kept = outbox.samples
    assert f'"timestamp":{10 - kept}' in oldest.text().decode()
    assert telemetry.registry.get_sample_value(
        "spotopt_agent_dropped_total", {"kind": "metrics", "reason": "no room"}
    ) == (10 - kept)


async def test_events_make_measurements_give_way_and_are_kept_themselves() -> None:
    outbox, _, _ = make()
    outbox.put_sample(sample(1))
    for number in range(10):
        outbox.put(event(f"e{number}", 1_000))
    assert (outbox.samples, len(outbox.events)) == (0, 10)


async def test_events_that_the_service_would_ignore_go_only_when_all_are_too_much() -> None:
    outbox, clock, _ = make()
    outbox.put(event("old", 1_000))
    await clock.advance(301)
    outbox.put(event("new", 1_000))
    assert len(outbox.events) == 2
    outbox.put(event("newest", 1_500))
    assert [key for key, _ in outbox.events.first(10)] == ["new", "newest"]


async def test_an_event_waits_once_however_often_it_is_put() -> None:
    outbox, _, telemetry = make()
    outbox.put(event("e"))
    outbox.put(event("e"))
    assert len(outbox.events) == 1
    assert telemetry.registry.get_sample_value("spotopt_agent_events_total", {"type": "pod_pending"}) == 1
    outbox.events.done(["e"])
    assert outbox.bytes == 0


async def test_a_later_result_of_an_action_replaces_the_first() -> None:
    outbox, _, _ = make()
    outbox.put_result("a", ResultBody(status="failed"))
    outbox.put_result("a", DONE)
    ((_, text),) = outbox.results.first(10)
    assert b"completed" in text


async def test_a_measurement_dropped_while_it_was_sent_takes_no_other_with_it() -> None:
    outbox, _, _ = make(1_200)
    outbox.put_sample(sample(1))
    sent = outbox.oldest_sample()
    assert sent is not None
    outbox.put_sample(sample(2))
    assert outbox.samples == 1
    outbox.sample_done(sent)
    assert outbox.samples == 1


async def test_bodies_are_counted() -> None:
    outbox, _, _ = make()
    outbox.put_sample(sample(1))
    outbox.put(event("a"))
    outbox.put(event("b"))
    outbox.put_result("c", DONE)
    assert len(outbox) == 3
