"""Events from queue and inbox to their cluster: by urgency, at least once, never lost, given up with a reason."""

from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import orjson
import pytest

from actors.cluster.inputs import AgentReported
from actors.events.consumer import INBOX_AFTER_S, EventConsumer
from adapters.redis.ports.events import ALL_PRIORITIES, Event, Offered
from domain.errors import RejectedError, TransientError
from domain.events import EventPriority, priority_of
from domain.work import InboxEvent, InboxStatus
from tests.unit.platform_world import CLUSTER, ORGANIZATION, World


@dataclass
class HandClusters:
    """Takes what it is told, or fails as the test says."""

    told: list[AgentReported] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)

    async def tell(self, cluster_id: UUID, event: AgentReported) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.told.append(event)


def body_of(world: World, event_id: str, kind: str) -> dict:
    at = world.clock.now().isoformat().replace("+00:00", "Z")
    known = {"event_id": event_id, "event_type": kind, "timestamp": at}
    if kind == "spot_interruption_warning":
        return known | {"instance_id": "i-1", "instance_type": "m5.large", "zone_id": "use1-az6"}
    return known | {"node_name": "n1"}


async def accepted(world: World, event_id: str, kind: str = "node_not_ready", *, queued: bool = True) -> None:
    """An event as the gateway leaves it: in the inbox, and in the queue unless that has lost it."""
    now, body = world.clock.now(), body_of(world, event_id, kind)
    event = InboxEvent(
        organization_id=ORGANIZATION,
        cluster_id=CLUSTER,
        event_id=event_id,
        event_type=kind,
        priority=priority_of(kind),
        body=body,
        occurred_at=now,
        accepted_at=now,
    )
    async with world.services.database.platform() as tx:
        await tx.inbox.accept([event])
    if queued:
        offer = Event(
            event_id=event_id,
            cluster_id=str(CLUSTER),
            priority=EventPriority(int(event.priority)),
            occurred_at=now,
            body=orjson.dumps(body),
        )
        assert await world.services.hub.events.offer(offer) is Offered.ACCEPTED


async def status_of(world: World, event_id: str) -> InboxStatus:
    async with world.services.database.platform() as tx:
        event = await tx.inbox.get((CLUSTER, event_id))
    assert event is not None
    return event.status


@pytest.fixture
def clusters() -> HandClusters:
    return HandClusters()


@pytest.fixture
def consumer(world: World, clusters: HandClusters) -> EventConsumer:
    return EventConsumer(world.services, clusters, name="c0")


async def test_an_event_reaches_its_cluster_and_is_done_in_inbox_and_queue(world, consumer, clusters) -> None:
    await accepted(world, "e1", "spot_interruption_warning")
    assert await consumer.step(ALL_PRIORITIES) == 1
    assert [event.event.id for event in clusters.told] == ["e1"]
    assert await status_of(world, "e1") is InboxStatus.DONE
    assert (await world.services.hub.events.depth()).total == 0


async def test_interruptions_overtake_everything_that_waits(world, consumer, clusters) -> None:
    for n in range(100):
        await accepted(world, f"slow {n}".replace(" ", "-"))
    await accepted(world, "urgent", "spot_interruption_warning")
    assert await consumer.step((EventPriority.INTERRUPTION,)) == 1
    assert [event.id for event in clusters.told] == ["urgent"]


async def test_a_failed_event_comes_again_and_is_dead_after_three_tries(world, consumer, clusters) -> None:
    await accepted(world, "e1")
    clusters.errors = [TransientError("the host is away")] * 3
    for _ in range(3):
        assert await consumer.step(ALL_PRIORITIES) == 1
        await world.clock.advance(10)
    assert clusters.told == []
    assert await status_of(world, "e1") is InboxStatus.DEAD
    (letter,) = await world.services.hub.events.dead_letters()
    assert letter.reason == "the host is away"


async def test_an_event_of_a_cluster_that_is_gone_is_ignored_with_the_reason(world, consumer, clusters) -> None:
    await accepted(world, "e1")
    clusters.errors = [RejectedError("there is no such cluster")]
    await consumer.step(ALL_PRIORITIES)
    assert await status_of(world, "e1") is InboxStatus.IGNORED
    assert (await world.services.hub.events.depth()).total == 0


async def test_what_the_queue_has_lost_is_found_in_the_inbox(world, consumer, clusters) -> None:
    await accepted(world, "e1", queued=False)
    assert await consumer.sweep() == 0
    await world.clock.advance(INBOX_AFTER_S + 1)
    assert await consumer.sweep() == 1
    assert [event.id for event in clusters.told] == ["e1"]
    assert await consumer.sweep() == 0
    assert await status_of(world, "e1") is InboxStatus.DONE


async def test_two_consumers_sweep_without_doing_the_same(world, consumer, clusters) -> None:
    await accepted(world, "e1", queued=False)
    await world.clock.advance(INBOX_AFTER_S + 1)
    other = EventConsumer(world.services, clusters, name="c1")
    assert await consumer.sweep() + await other.sweep() == 1


async def test_a_failure_from_the_inbox_waits_longer_each_time(world, consumer, clusters) -> None:
    await accepted(world, "e1", queued=False)
    await world.clock.advance(INBOX_AFTER_S + 1)
    clusters.errors = [TransientError("away")] * 2
    assert await consumer.sweep() == 1
    assert await consumer.sweep() == 0
    await world.clock.advance(timedelta(seconds=1.5).total_seconds())
    assert await consumer.sweep() == 1
    await world.clock.advance(1.5)
    assert await consumer.sweep() == 0
    await world.clock.advance(1.0)
    assert await consumer.sweep() == 1
    assert len(clusters.told) == 1


def test_priorities_of_queue_and_domain_are_the_same() -> None:
    assert [int(p) for p in EventPriority] == [int(p) for p in EventPriority]
