"""Notices ahead of their storage, over a bus in memory: who hears them, and what broken or slow ones cost others."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from actors.early import AT_ONCE, EarlyEvidence, EarlyNotice, hear_evidence, hear_notices, tell_host, tell_registry
from adapters.redis import keys
from adapters.redis.memory.bus import MemoryBus
from domain.commands import EvidenceKind, ReportEvidence
from domain.errors import TransientError
from domain.events import SpotInterruption
from domain.market import Pool
from tests.unit.planning.test_desk import settle

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CLUSTER, ORGANIZATION = UUID(int=1), UUID(int=2)
POOL = Pool(region="us-east-1", zone_id="use1-az6", instance_type="m5.large")


def notice(name: str) -> EarlyNotice:
    event = SpotInterruption(
        id=name, at=NOW, cluster=str(CLUSTER), instance_id="i-1", pool=POOL, terminate_at=NOW, node="node-1"
    )
    return EarlyNotice(cluster_id=CLUSTER, event=event)


def evidence() -> EarlyEvidence:
    seen = ReportEvidence(cause="e1", pool=POOL, kind=EvidenceKind.INTERRUPTION, instance_id="i-1", known=True, at=NOW)
    return EarlyEvidence(cluster_id=CLUSTER, organization_id=ORGANIZATION, evidence=seen)


@dataclass
class Heard:
    """What a handler was given. Those named in ``away`` fail, those in ``slow`` wait until ``go``."""

    seen: list[EarlyNotice | EarlyEvidence] = field(default_factory=list)
    away: frozenset[str] = frozenset()
    slow: frozenset[str] = frozenset()
    go: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, early: EarlyNotice) -> None:
        if early.event.id in self.away:
            raise TransientError("the database is away")
        if early.event.id in self.slow:
            await self.go.wait()
        self.seen.append(early)

    async def note(self, early: EarlyEvidence) -> None:
        self.seen.append(early)

    @property
    def names(self) -> list[str]:
        return [one.event.id for one in self.seen if isinstance(one, EarlyNotice)]


@asynccontextmanager
async def listening(hear: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    task = asyncio.ensure_future(hear())
    await settle()
    yield
    task.cancel()
    await asyncio.wait([task])


async def test_a_notice_comes_to_its_host_whole_and_to_no_other() -> None:
    bus, mine, other = MemoryBus(), Heard(), Heard()
    async with listening(lambda: hear_notices(bus, 1, mine)), listening(lambda: hear_notices(bus, 0, other)):
        await tell_host(bus, 1, notice("n1"))
        await settle()
    assert mine.seen == [notice("n1")]
    assert other.seen == []


async def test_evidence_comes_to_the_registry_whole() -> None:
    bus, registry = MemoryBus(), Heard()
    async with listening(lambda: hear_evidence(bus, registry.note)):
        await tell_registry(bus, evidence())
        await settle()
    assert registry.seen == [evidence()]


async def test_what_cannot_be_read_or_handled_is_passed_over() -> None:
    bus, host = MemoryBus(), Heard(away=frozenset({"lost"}))
    async with listening(lambda: hear_notices(bus, 0, host)):
        await bus.publish(keys.early_notices(0), b'{"cluster_id": 7}')
        await tell_host(bus, 0, notice("lost"))
        await tell_host(bus, 0, notice("n1"))
        await settle()
    assert host.names == ["n1"]


async def test_a_slow_notice_holds_up_no_other_until_the_room_is_full() -> None:
    slow = [f"slow-{n}" for n in range(AT_ONCE - 1)]
    bus, host = MemoryBus(), Heard(slow=frozenset({*slow, "last"}))
    async with listening(lambda: hear_notices(bus, 0, host)):
        for name in (*slow, "quick", "last", "waits"):
            await tell_host(bus, 0, notice(name))
        await settle()
        assert host.names == ["quick"]
        host.go.set()
        await settle()
    assert sorted(host.names) == sorted([*slow, "quick", "last", "waits"])
