"""What the bus, the queue and the stores promise. Run over the twins (unit) and over a real server (integration).

A subclass gives two fixtures: ``hub`` and ``until``. Limits and times of the queue are `RULES`, short enough to be
waited for.
"""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from adapters.redis import keys, wire
from adapters.redis.hub import Hub
from adapters.redis.ports import Event, EventRules, Failed, Gap, GapCause, Message, Offered
from domain.events import EventPriority
from tests.unit.redis.builders import Until, make_beat, make_event, make_pool

RULES = EventRules(
    max_age_s=60.0, dedupe_s=0.3, tries=3, retry_base_s=0.05, claim_after_s=0.4, capacity=20, dead_capacity=3
)
SOON_S = 0.2


async def everything(hub: Hub, consumer: str = "consumer") -> list[Event]:
    """Take and acknowledge until nothing is left."""
    handled: list[Event] = []
    while (await hub.events.depth()).total:
        taken = await hub.events.take(consumer, wait_s=0.05)
        handled += [one.event for one in taken]
        await hub.events.ack(*taken)
    return handled


class BusContract:
    async def test_a_subscriber_gets_what_is_published_on_its_channel_in_order(self, hub: Hub) -> None:
        async with hub.bus.subscribe("a") as listening:
            await hub.bus.publish("b", b"not for us")
            await hub.bus.publish("a", b"1")
            await hub.bus.publish("a", b"2")
            assert [await anext(listening), await anext(listening)] == [
                Message(channel="a", body=b"1"),
                Message(channel="a", body=b"2"),
            ]

    async def test_nothing_published_right_after_the_subscription_is_missed(self, hub: Hub) -> None:
        for number in range(20):
            async with hub.bus.subscribe(f"channel-{number % 3}") as listening:
                await hub.bus.publish(f"channel-{number % 3}", b"%d" % number)
                assert await anext(listening) == Message(channel=f"channel-{number % 3}", body=b"%d" % number)

    async def test_every_subscriber_of_a_channel_gets_every_message(self, hub: Hub) -> None:
        async with hub.bus.subscribe("a") as one, hub.bus.subscribe("a", "b") as other:
            await hub.bus.publish("a", b"1")
            assert (await anext(one)) == (await anext(other))

    async def test_a_pattern_is_matched_and_tells_the_channel(self, hub: Hub) -> None:
        async with hub.bus.subscribe(patterns=["cluster:events:*"]) as listening:
            await hub.bus.publish("cluster:other:1", b"no")
            await hub.bus.publish("cluster:events:7", b"yes")
            assert await anext(listening) == Message(channel="cluster:events:7", body=b"yes")

    async def test_several_messages_are_published_in_one_go_and_in_order(self, hub: Hub) -> None:
        async with hub.bus.subscribe("a", "b") as listening:
            sent = [Message(channel="ab"[number % 2], body=b"%d" % number) for number in range(6)]
            await hub.bus.publish_many(sent)
            assert [await anext(listening) for _ in sent] == sent

    async def test_a_slow_subscriber_loses_the_oldest_and_is_told_how_many(self, hub: Hub, until: Until) -> None:
        async with hub.bus.subscribe("a", capacity=3) as slow:
            await hub.bus.publish_many([Message(channel="a", body=b"%d" % number) for number in range(10)])
            await until(lambda: _is(slow.dropped == 7))
            assert await anext(slow) == Gap(cause=GapCause.OVERFLOW, dropped=7)
            assert [(await anext(slow)).body for _ in range(3)] == [b"7", b"8", b"9"]

    async def test_who_has_left_holds_nobody_up(self, hub: Hub) -> None:
        async with hub.bus.subscribe("a") as stays:
            async with hub.bus.subscribe("a"):
                pass
            await hub.bus.publish("a", b"still here")
            assert (await anext(stays)).body == b"still here"

    async def test_a_subscription_names_something(self, hub: Hub) -> None:
        with pytest.raises(ValueError, match="channel or a pattern"):
            async with hub.bus.subscribe():
                pass


class EventContract:
    async def test_what_is_offered_is_taken_once_and_whole(self, hub: Hub) -> None:
        event = make_event(body=b'{"line":"one\\ntwo","sign":"\xc3\xa9"}\n|x y')
        assert await hub.events.offer(event) is Offered.ACCEPTED
        (delivery,) = await hub.events.take("a")
        assert delivery.event == event
        assert delivery.attempt == 1
        assert await hub.events.take("b") == ()
        await hub.events.ack(delivery)
        assert (await hub.events.depth()).total == 0

    async def test_an_event_offered_twice_is_handled_once(self, hub: Hub) -> None:
        event = make_event()
        assert await hub.events.offer_many([event, event]) == (Offered.ACCEPTED, Offered.DUPLICATE)
        assert await hub.events.offer(event) is Offered.DUPLICATE
        assert len(await everything(hub)) == 1
        assert await hub.events.offer(event) is Offered.DUPLICATE

    async def test_an_event_id_is_forgotten_after_its_time(self, hub: Hub, until: Until) -> None:
        event = make_event()
        await hub.events.offer(event)

        async def taken_again() -> bool:
            return await hub.events.offer(event) is Offered.ACCEPTED

        await until(taken_again)

    async def test_one_clusters_ids_do_not_hide_anothers_events(self, hub: Hub) -> None:
        mine, theirs = make_event("same", cluster_id="mine"), make_event("same", cluster_id="theirs")
        assert await hub.events.offer_many([mine, theirs]) == (Offered.ACCEPTED, Offered.ACCEPTED)

    async def test_an_old_event_is_dropped_and_counted(self, hub: Hub) -> None:
        old = make_event(at=datetime(2020, 1, 1, tzinfo=UTC))
        assert await hub.events.offer(old) is Offered.STALE
        assert (await hub.events.depth()).total == 0
        assert (await hub.events.counts()).stale == 1

    async def test_interruptions_overtake_what_waits(self, hub: Hub) -> None:
        await hub.events.offer_many([make_event() for _ in range(15)])
        await hub.events.offer(make_event("oom", priority=EventPriority.OOM_KILLED))
        await hub.events.offer_many([make_event(f"i{n}", priority=EventPriority.INTERRUPTION) for n in range(2)])
        taken = [one.event.event_id for one in await hub.events.take("a", limit=4)]
        assert taken[:3] == ["i0", "i1", "oom"]
        assert len(taken) == 4

    async def test_a_consumer_takes_only_the_priorities_it_asks_for(self, hub: Hub) -> None:
        await hub.events.offer(make_event())
        assert await hub.events.take("a", priorities=[EventPriority.INTERRUPTION]) == ()
        assert len(await hub.events.take("a", priorities=[EventPriority.REST])) == 1

    async def test_a_full_queue_says_so_and_takes_interruptions_still(self, hub: Hub) -> None:
        answers = await hub.events.offer_many([make_event() for _ in range(RULES.capacity + 2)])
        assert answers.count(Offered.ACCEPTED) == RULES.capacity
        assert answers[-2:] == (Offered.FULL, Offered.FULL)
        assert await hub.events.offer(make_event(priority=EventPriority.INTERRUPTION)) is Offered.ACCEPTED

    async def test_what_is_in_hand_counts_against_the_room_until_it_is_done(self, hub: Hub) -> None:
        await hub.events.offer_many([make_event() for _ in range(RULES.capacity)])
        taken = await hub.events.take("a", limit=5)
        refused = make_event()
        assert await hub.events.offer(refused) is Offered.FULL
        await hub.events.ack(*taken)
        assert await hub.events.offer(refused) is Offered.ACCEPTED

    async def test_a_waiting_consumer_gets_what_arrives(self, hub: Hub) -> None:
        await hub.events.take("a")
        waiting = asyncio.ensure_future(hub.events.take("a", wait_s=1.5))
        await asyncio.sleep(0)
        event = make_event(priority=EventPriority.OOM_KILLED)
        await hub.events.offer(event)
        (delivery,) = await waiting
        assert delivery.event == event
        assert delivery.attempt == 1

    async def test_a_failed_event_comes_again_later_and_dies_after_its_last_try(self, hub: Hub, until: Until) -> None:
        await hub.events.offer(make_event("poison"))
        seen: list[int] = []

        async def dead() -> bool:
            for delivery in await hub.events.take("a"):
                seen.append(delivery.attempt)
                outcome = await hub.events.fail(delivery, f"try {delivery.attempt} went wrong")
                assert outcome is (Failed.DEAD if delivery.attempt == RULES.tries else Failed.RETRY)
            return (await hub.events.depth()).dead

        await until(dead)
        assert seen == [1, 2, 3]
        (letter,) = await hub.events.dead_letters()
        assert (letter.event.event_id, letter.attempts, letter.reason) == ("poison", 3, "try 3 went wrong")
        counts = await hub.events.counts()
        assert (counts.retried, counts.died, counts.done) == (2, 1, 0)

    async def test_a_delayed_event_is_not_lost_from_sight(self, hub: Hub) -> None:
        await hub.events.offer(make_event())
        (delivery,) = await hub.events.take("a")
        await hub.events.fail(delivery, "busy")
        depth = await hub.events.depth()
        assert (depth.delayed, depth.total) == (1, 1)

    async def test_failing_what_is_done_already_does_nothing(self, hub: Hub) -> None:
        await hub.events.offer(make_event())
        (delivery,) = await hub.events.take("a")
        await hub.events.ack(delivery)
        await hub.events.ack(delivery)
        await hub.events.fail(delivery, "too late")
        assert (await hub.events.depth()).total == 0
        assert (await hub.events.counts()).done == 1

    async def test_a_dead_letter_is_requeued_with_all_its_tries(self, hub: Hub) -> None:
        letter = await _dead_letter(hub)
        assert await hub.events.requeue(letter) is True
        (delivery,) = await hub.events.take("a")
        assert delivery.attempt == 1
        assert await hub.events.dead_letters() == ()
        assert await hub.events.requeue(letter) is False

    async def test_a_dead_letter_is_discarded(self, hub: Hub) -> None:
        letter = await _dead_letter(hub)
        assert await hub.events.discard(letter) is True
        assert await hub.events.discard(letter) is False
        assert (await hub.events.depth()).dead == 0

    async def test_dead_letters_are_bounded_and_paged_oldest_first(self, hub: Hub) -> None:
        for number in range(RULES.dead_capacity + 2):
            await _dead_letter(hub, f"poison-{number}")
        first, second = await hub.events.dead_letters(limit=2)
        (third,) = await hub.events.dead_letters(limit=2, after=second.letter_id)
        assert [one.event.event_id for one in (first, second, third)] == ["poison-2", "poison-3", "poison-4"]

    async def test_what_a_dead_consumer_held_is_taken_over(self, hub: Hub, until: Until) -> None:
        await hub.events.offer_many([make_event(f"e{n}") for n in range(5)])
        assert len(await hub.events.take("dies")) == 5
        assert await hub.events.take("lives") == ()
        found: dict[str, int] = {}

        async def all_found() -> bool:
            taken = await hub.events.take("lives")
            found.update({one.event.event_id: one.attempt for one in taken})
            await hub.events.ack(*taken)
            return len(found) == 5

        await until(all_found)
        assert set(found.values()) == {2}
        assert (await hub.events.depth()).total == 0
        assert (await hub.events.counts()).taken_over == 5

    async def test_an_event_that_kills_every_consumer_dies(self, hub: Hub, until: Until) -> None:
        await hub.events.offer(make_event("killer"))
        lives = iter(range(1_000))

        async def dead() -> bool:
            await hub.events.take(f"life-{next(lives)}")
            return (await hub.events.depth()).dead

        await until(dead)
        (letter,) = await hub.events.dead_letters()
        assert letter.attempts == RULES.tries
        assert (await hub.events.depth()).total == 0

    async def test_depth_tells_what_waits_what_is_in_hand_and_how_long_the_oldest_has_waited(
        self, hub: Hub, until: Until
    ) -> None:
        await hub.events.offer_many([make_event() for _ in range(3)])
        await hub.events.take("a", limit=1)

        async def waited() -> bool:
            return (await hub.events.depth()).oldest_waiting_s >= 0.05

        await until(waited)
        depth = await hub.events.depth()
        assert depth.waiting == {EventPriority.INTERRUPTION: 0, EventPriority.OOM_KILLED: 0, EventPriority.REST: 2}
        assert depth.in_hand[EventPriority.REST] == 1

    async def test_latency_is_counted_per_bucket(self, hub: Hub) -> None:
        await hub.events.offer_many([make_event() for _ in range(4)])
        await everything(hub)
        counts = await hub.events.counts()
        assert (counts.accepted, counts.done, sum(counts.latency_ms.values())) == (4, 4, 4)

    async def test_offering_nothing_and_acknowledging_nothing_is_fine(self, hub: Hub) -> None:
        assert await hub.events.offer_many([]) == ()
        await hub.events.ack()


class StoresContract:
    async def test_a_flag_is_readable_everywhere_and_told_with_its_evidence(self, hub: Hub) -> None:
        pool, evidence = make_pool(), {"kind": "interruption", "reports": 3}
        async with hub.bus.subscribe(keys.RISK_CHANGES) as changes:
            flag = await hub.risk.flag(pool, evidence)
            told = await anext(changes)
        assert isinstance(told, Message)
        assert wire.parse_change(told.body).flag == flag == await hub.risk.check(pool)
        assert flag.evidence == evidence
        assert await hub.risk.check(make_pool("m5.large")) is None

    async def test_flags_are_listed_by_pool_and_cleared_with_news(self, hub: Hub) -> None:
        pools = [make_pool("c5.xlarge"), make_pool("m5.large"), make_pool("m5.large", "use1-az1")]
        for pool in pools:
            await hub.risk.flag(pool, {})
        assert [flag.pool for flag in await hub.risk.list_all()] == sorted(pools)
        async with hub.bus.subscribe(keys.RISK_CHANGES) as changes:
            assert await hub.risk.clear(pools[0]) is True
            told = await anext(changes)
        assert isinstance(told, Message)
        assert wire.parse_change(told.body).flag is None
        assert wire.parse_change(told.body).pool == pools[0]
        assert len(await hub.risk.list_all()) == 2
        assert await hub.risk.clear(pools[0]) is False

    async def test_a_flag_ends_after_its_time_and_is_prolonged_by_another(self, hub: Hub, until: Until) -> None:
        pool = make_pool()
        first = await hub.risk.flag(pool, {"report": 1}, ttl_s=SOON_S)
        second = await hub.risk.flag(pool, {"report": 2}, ttl_s=2 * SOON_S)
        assert second.until > first.until
        assert (await hub.risk.list_all())[0].evidence == {"report": 2}

        async def over() -> bool:
            return await hub.risk.check(pool) is None and await hub.risk.list_all() == ()

        await until(over)

    async def test_a_revoked_token_is_refused_until_it_expires(self, hub: Hub, until: Until) -> None:
        await hub.revoked.revoke("token", until=await _in(hub, SOON_S))
        assert await hub.revoked.is_revoked("token")
        assert not await hub.revoked.is_revoked("another")
        await until(lambda: _not(hub.revoked.is_revoked("token")))

    async def test_revoking_an_expired_token_does_nothing(self, hub: Hub) -> None:
        await hub.revoked.revoke("old", until=datetime(2020, 1, 1, tzinfo=UTC))
        assert not await hub.revoked.is_revoked("old")

    async def test_a_ticket_opens_once_and_only_what_it_is_for(self, hub: Hub) -> None:
        ticket = await hub.tickets.issue({"user": "u1"}, opens="/admin/logs")
        assert await hub.tickets.redeem(ticket, opens="/admin/logs") == {"user": "u1"}
        assert await hub.tickets.redeem(ticket, opens="/admin/logs") is None
        stray = await hub.tickets.issue({"user": "u1"}, opens="/lab/stream/1")
        assert await hub.tickets.redeem(stray, opens="/admin/logs") is None
        assert await hub.tickets.redeem(stray, opens="/lab/stream/1") is None
        assert await hub.tickets.redeem("invented", opens="/admin/logs") is None

    async def test_a_ticket_expires(self, hub: Hub, until: Until) -> None:
        await hub.nonces.claim("mark", "ticket", ttl_s=SOON_S)
        ticket = await hub.tickets.issue({}, opens="/x", ttl_s=SOON_S / 2)
        await until(lambda: hub.nonces.claim("mark", "ticket", ttl_s=SOON_S))
        assert await hub.tickets.redeem(ticket, opens="/x") is None

    async def test_heartbeats_are_stored_and_told(self, hub: Hub) -> None:
        now = datetime(2026, 1, 1, tzinfo=UTC)
        async with hub.bus.subscribe(keys.agent_heartbeat("b")) as listening:
            await hub.heartbeats.record([make_beat("a", at=now), make_beat("b", at=now, body=b'{"cpu": 1}')])
            assert (await anext(listening)).body == b'{"cpu": 1}'
        latest = await hub.heartbeats.latest(["a", "b", "never"])
        assert latest == {"a": make_beat("a", at=now), "b": make_beat("b", at=now, body=b'{"cpu": 1}')}
        assert await hub.heartbeats.latest([]) == {}
        await hub.heartbeats.record([])

    async def test_the_longest_silent_cluster_is_named_first(self, hub: Hub) -> None:
        now = datetime(2026, 1, 1, tzinfo=UTC)
        beats = [make_beat("fresh", at=now), make_beat("late", at=now, age_s=61), make_beat("gone", at=now, age_s=900)]
        await hub.heartbeats.record(beats)
        overdue = await hub.heartbeats.overdue(before=now - timedelta(seconds=60))
        assert list(overdue.items()) == [("gone", beats[2].at), ("late", beats[1].at)]
        assert list(await hub.heartbeats.overdue(before=now, limit=1)) == ["gone"]
        await hub.heartbeats.forget("gone")
        assert list(await hub.heartbeats.overdue(before=now)) == ["late"]

    async def test_a_late_heartbeat_does_not_turn_the_time_back(self, hub: Hub) -> None:
        now = datetime(2026, 1, 1, tzinfo=UTC)
        await hub.heartbeats.record([make_beat(at=now), make_beat(at=now, age_s=90)])
        await hub.heartbeats.record([make_beat(at=now, age_s=80)])
        assert await hub.heartbeats.overdue(before=now) == {}

    async def test_prices_are_read_back_by_type_and_zone_until_they_are_old(self, hub: Hub, until: Until) -> None:
        prices = {"c5.xlarge": {"use1-az1": 71_300, "use1-az6": 68_000}, "m5.large": {"use1-az1": 34_100}}
        await hub.prices.put("us-east-1", prices, ttl_s=SOON_S)
        assert await hub.prices.get("us-east-1", ["c5.xlarge", "m5.large", "unknown"]) == prices
        assert await hub.prices.get("eu-west-1", ["c5.xlarge"]) == {}
        assert await hub.prices.get("us-east-1", []) == {}
        await until(lambda: _not(hub.prices.get("us-east-1", ["c5.xlarge"])))

    async def test_calls_beyond_the_limit_are_refused_per_key(self, hub: Hub) -> None:
        verdicts = [await hub.rates.hit("3/hour", "login", "10.0.0.1") for _ in range(5)]
        assert [one.allowed for one in verdicts] == [True, True, True, False, False]
        assert [one.remaining for one in verdicts] == [2, 1, 0, 0, 0]
        assert all(one.limit == 3 and 0 < one.resets_in_s <= 3_600 for one in verdicts)
        assert (await hub.rates.hit("3/hour", "login", "10.0.0.2")).allowed

    async def test_a_limit_that_cannot_be_read_is_an_error(self, hub: Hub) -> None:
        with pytest.raises(ValueError, match="often"):
            await hub.rates.hit("often", "x")

    async def test_one_leads_at_a_time_and_each_new_leader_has_a_higher_token(self, hub: Hub) -> None:
        first = await hub.leader.acquire("clock", "one|with spaces", ttl_s=60)
        assert first is not None
        assert await hub.leader.acquire("clock", "two", ttl_s=60) is None
        assert await hub.leader.acquire("clock", "one|with spaces", ttl_s=60) == first
        assert await hub.leader.renew(first, ttl_s=60)
        await hub.leader.release(first)
        second = await hub.leader.acquire("clock", "two", ttl_s=60)
        assert second is not None
        assert second.token > first.token
        assert not await hub.leader.renew(first, ttl_s=60)
        await hub.leader.release(first)
        assert await hub.leader.renew(second, ttl_s=60)

    async def test_a_lease_that_is_not_renewed_goes_to_the_next(self, hub: Hub, until: Until) -> None:
        first = await hub.leader.acquire("clock", "dies", ttl_s=SOON_S)
        tokens: list[int] = []

        async def taken() -> bool:
            lease = await hub.leader.acquire("clock", "waits", ttl_s=60)
            tokens.extend([lease.token] if lease else [])
            return bool(lease)

        await until(taken)
        assert first is not None
        assert tokens[0] > first.token
        assert not await hub.leader.renew(first, ttl_s=60)

    async def test_a_nonce_is_used_once_within_its_scope_and_time(self, hub: Hub, until: Until) -> None:
        assert await hub.nonces.claim("actions", "n1", ttl_s=SOON_S)
        assert not await hub.nonces.claim("actions", "n1", ttl_s=SOON_S)
        assert await hub.nonces.claim("uploads", "n1", ttl_s=SOON_S)
        await until(lambda: hub.nonces.claim("actions", "n1", ttl_s=SOON_S))

    async def test_a_released_nonce_can_be_used_again(self, hub: Hub) -> None:
        await hub.nonces.claim("actions", "n1", ttl_s=60)
        await hub.nonces.release("actions", "n1")
        assert await hub.nonces.claim("actions", "n1", ttl_s=60)


async def _dead_letter(hub: Hub, event_id: str = "poison") -> str:
    await hub.events.offer(make_event(event_id))
    for _ in range(10_000):
        for delivery in await hub.events.take("a", wait_s=0.05):
            if await hub.events.fail(delivery, "no") is Failed.DEAD:
                return (await hub.events.dead_letters())[-1].letter_id
    raise AssertionError("the event does not die")


async def _in(hub: Hub, seconds: float) -> datetime:
    """A time by the clock that the hub follows, which its flags tell."""
    flag = await hub.risk.flag(make_pool("clock"), {}, ttl_s=seconds)
    return flag.until


async def _is(value: object) -> object:
    return value


async def _not(question: object) -> bool:
    return not await question  # type: ignore[misc]
