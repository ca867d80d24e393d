"""Redis is killed, full, away; consumers die: nothing accepted is lost, and everybody is told what they missed."""

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import pytest

from adapters.clock import SystemClock
from adapters.redis.connection import connect
from adapters.redis.hub import Hub, redis_hub
from adapters.redis.ports import Event, EventRules, Gap, GapCause, Message, Offered
from domain.errors import TransientError
from domain.events import EventPriority
from tests.integration.redis.conftest import Server
from tests.unit.redis.builders import make_event, make_pool

PRODUCTION = EventRules()
Answer = TypeVar("Answer")


@pytest.fixture
async def fleet(server: Server) -> AsyncIterator[Hub]:
    """A hub by the rules of production: what is left behind is taken over after 45 s only."""
    async with redis_hub(server.url, SystemClock(), PRODUCTION) as made:
        yield made


async def persist(call: Callable[[], Awaitable[Answer]]) -> Answer:
    """Call until the server is there."""
    while True:
        try:
            return await call()
        except TransientError:
            continue


@asynccontextmanager
async def no_memory_left(server: Server) -> AsyncIterator[None]:
    client = connect(server.url)
    await client.config_set("maxmemory", "1kb")
    try:
        yield
    finally:
        await client.config_set("maxmemory", "1gb")
        await client.aclose()


async def produce(hub: Hub, events: list[Event], accepted: set[str]) -> None:
    for start in range(0, len(events), 50):
        batch = events[start : start + 50]
        answers = await persist(lambda batch=batch: hub.events.offer_many(batch))
        assert set(answers) <= {Offered.ACCEPTED, Offered.DUPLICATE}
        accepted.update(event.event_id for event in batch)


async def consume(hub: Hub, name: str, handled: Counter[str], wanted: int) -> None:
    while len(handled) < wanted:
        deliveries = await persist(lambda: hub.events.take(name, limit=20, wait_s=0.1))
        handled.update(one.event.event_id for one in deliveries)
        await persist(lambda deliveries=deliveries: hub.events.ack(*deliveries))


async def test_nothing_accepted_is_lost_when_redis_is_killed_again_and_again(server: Server, fleet: Hub) -> None:
    total = 5_000
    accepted: set[str] = set()
    handled: Counter[str] = Counter()
    priorities = itertools.cycle(EventPriority)
    events = [make_event(f"e{number}", priority=next(priorities)) for number in range(total)]

    async def keep_killing() -> None:
        for share in (0.1, 0.3, 0.5, 0.7, 0.9):
            while len(handled) < share * total:
                await asyncio.sleep(0.002)
            server.kill()
            await server.start()

    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        tasks.create_task(produce(fleet, events[: total // 2], accepted))
        tasks.create_task(produce(fleet, events[total // 2 :], accepted))
        for name in ("one", "two", "three"):
            tasks.create_task(consume(fleet, name, handled, total))
        tasks.create_task(keep_killing())

    assert accepted == set(handled) == {event.event_id for event in events}
    assert sum(handled.values()) - total <= 5 * 3 * 20  # again are at most those in hand at a kill
    assert (await fleet.events.depth()).total == 0
    assert (await fleet.events.counts()).accepted == total


async def test_all_that_must_survive_is_there_after_kill_9(server: Server, hub: Hub) -> None:
    lease = await hub.leader.acquire("clock", "me", ttl_s=60)
    flag = await hub.risk.flag(make_pool(), {"reports": 1})
    await hub.nonces.claim("actions", "n", ttl_s=60)
    ticket = await hub.tickets.issue({"user": "u"}, opens="/x")
    server.kill()
    await server.start()
    assert lease is not None
    assert await hub.leader.renew(lease, ttl_s=60)
    assert await hub.risk.list_all() == (flag,)
    assert not await hub.nonces.claim("actions", "n", ttl_s=60)
    assert await hub.tickets.redeem(ticket, opens="/x") == {"user": "u"}


async def test_subscribers_are_told_of_the_gap_and_hear_what_follows(server: Server, hub: Hub) -> None:
    async with hub.bus.subscribe("a") as exact, hub.bus.subscribe(patterns=["b:*"]) as pattern:
        server.kill()
        await server.start()
        assert await anext(exact) == Gap(cause=GapCause.RECONNECTED)
        assert await anext(pattern) == Gap(cause=GapCause.RECONNECTED)
        await hub.bus.publish_many([Message(channel="a", body=b"1"), Message(channel="b:1", body=b"2")])
        assert await anext(exact) == Message(channel="a", body=b"1")
        assert await anext(pattern) == Message(channel="b:1", body=b"2")


async def test_who_subscribes_while_redis_is_down_listens_once_it_is_back(server: Server, hub: Hub) -> None:
    async with hub.bus.subscribe("a"):
        server.kill()
        late = hub.bus.subscribe("b")
        entering = asyncio.ensure_future(late.__aenter__())
        await server.start()
        listening = await entering
        await hub.bus.publish("b", b"1")
        heard = [await anext(listening)]
        while isinstance(heard[-1], Gap):
            heard.append(await anext(listening))
        assert heard[-1] == Message(channel="b", body=b"1")
        await late.__aexit__(None, None, None)


async def test_a_flag_set_while_a_process_was_cut_off_is_found_by_reading_anew(server: Server, hub: Hub) -> None:
    async with hub.bus.subscribe("risk:changes") as changes, redis_hub(server.url, SystemClock()) as other:
        client = connect(server.url)
        await client.client_kill_filter(_type="pubsub")
        await client.aclose()
        await other.risk.flag(make_pool(), {})
        first = await anext(changes)
        assert isinstance(first, Gap | Message)
        assert [flag.pool for flag in await hub.risk.list_all()] == [make_pool()]


async def test_a_consumer_that_starts_again_finds_at_once_what_it_held(server: Server, fleet: Hub) -> None:
    await fleet.events.offer_many([make_event(f"e{number}") for number in range(25)])
    held = await fleet.events.take("worker", limit=15)
    async with redis_hub(server.url, SystemClock(), PRODUCTION) as again:
        found = []
        for _ in range(5):
            found += await again.events.take("worker", limit=10)
        assert {one.entry_id for one in held} <= {one.entry_id for one in found}
        assert len(found) == 25
        assert {one.attempt for one in found if one.entry_id in {each.entry_id for each in held}} == {2}
        await again.events.ack(*found)
        assert (await again.events.depth()).total == 0


async def test_the_queue_works_on_after_its_keys_were_deleted(server: Server, hub: Hub) -> None:
    await hub.events.take("a")
    await server.empty()
    await hub.events.offer(make_event("after"))
    assert [one.event.event_id for one in await hub.events.take("a")] == ["after"]


async def test_a_server_that_is_away_is_a_passing_trouble(server: Server, hub: Hub) -> None:
    await server.stop()
    calls = (
        hub.bus.publish("a", b""),
        hub.events.offer(make_event()),
        hub.events.take("a"),
        hub.rates.hit("1/second", "x"),
        hub.risk.check(make_pool()),
    )
    for outcome in await asyncio.gather(*calls, return_exceptions=True):
        assert isinstance(outcome, TransientError)


async def test_a_full_server_is_a_passing_trouble_and_takes_no_half_event(
    server: Server,
    hub: Hub,
) -> None:
    event = make_event()
    async with no_memory_left(server):
        with pytest.raises(TransientError, match="full"):
            await hub.events.offer(event)
        with pytest.raises(TransientError, match="full"):
            await hub.tickets.issue({}, opens="/x")
    assert await hub.events.offer(event) is Offered.ACCEPTED


async def test_interruptions_overtake_thousands_of_waiting_events(fleet: Hub) -> None:
    for _ in range(5):
        await fleet.events.offer_many([make_event() for _ in range(1_000)])
    await fleet.events.offer(make_event("now", priority=EventPriority.INTERRUPTION))
    (first, *_) = await fleet.events.take("worker", limit=1)
    assert first.event.event_id == "now"
