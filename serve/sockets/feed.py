"""What the pages of one organisation hear: heartbeats and events of its clusters, and flags where it has some."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from uuid import UUID

import orjson

from adapters.redis import keys, wire
from adapters.redis.ports import Gap, Message
from domain.fleet import Cluster
from domain.paging import MAX_PAGE, Cursor, PageRequest
from serve.auth.callers import Member
from serve.gateway.answers import drop
from serve.gateway.context import Gateway
from serve.sockets.connection import Connection

RELIST_S = 30.0
"""How long a page may not see a cluster that was connected after it was opened."""
READY_TEXT = orjson.dumps({"type": "ready"}).decode()
"""Tells a page that whatever happens from now on is told: what it reads after this it need not read again."""
RESYNC_TEXT = orjson.dumps({"type": "resync"}).decode()
"""Tells a page that messages may be missing: read the lists anew."""

Regions = Mapping[UUID, str]
"""Clusters with their regions."""


async def follow_clusters(gateway: Gateway, caller: Member, connection: Connection) -> None:
    """Follow the channels of the clusters there are; look again for others every half minute."""
    clusters = await _regions(gateway, caller.home)
    while True:
        followed = asyncio.create_task(_follow(gateway, caller.home, clusters, connection))
        try:
            clusters = await _others(gateway, caller, clusters, followed)
        finally:
            followed.cancel()
            with suppress(asyncio.CancelledError):
                await followed


async def _others(gateway: Gateway, caller: Member, known: Regions, followed: asyncio.Task[None]) -> Regions:
    """The clusters, when they are no longer the known ones."""
    while not followed.done():
        await gateway.services.clock.sleep(RELIST_S)
        found = await _regions(gateway, caller.home)
        if found.keys() != known.keys():
            return found
    followed.result()
    return known


async def _follow(gateway: Gateway, home: UUID, clusters: Regions, connection: Connection) -> None:
    names = [name for one in clusters for name in (keys.agent_heartbeat(str(one)), keys.cluster_events(str(one)))]
    if not names:
        connection.put(READY_TEXT)
        await asyncio.Event().wait()
    heard: set[str] = set()
    regions = frozenset(clusters.values())
    async with gateway.services.hub.bus.subscribe(*names, keys.RISK_CHANGES) as subscription:
        connection.put(READY_TEXT)
        async for item in subscription:
            text = RESYNC_TEXT if isinstance(item, Gap) else message_of(item, regions)
            if isinstance(item, Gap) or _changes_lists(item, heard):
                # What the page reads next must not be from before.
                await drop(gateway, home)
            if text is not None:
                connection.put(text)


def message_of(message: Message, regions: frozenset[str]) -> str | None:
    """A message of a channel as pages get it (`serve.schemas.messages`); ``None`` when it does not concern them."""
    if message.channel == keys.RISK_CHANGES:
        return _flag(message.body, regions)
    kind, _, cluster_id = message.channel.rpartition(":")
    try:
        data = orjson.loads(message.body)
    except ValueError:
        data = {}
    word = "heartbeat" if kind == keys.agent_heartbeat("").rstrip(":") else "event"
    return orjson.dumps({"type": word, "cluster_id": cluster_id, "data": data}).decode()


def _flag(body: bytes, regions: frozenset[str]) -> str | None:
    """A flag is everybody's; who reported it and what spoke for it is nobody else's."""
    try:
        change = wire.parse_change(body)
    except (ValueError, KeyError, TypeError):
        return None
    pool = change.pool
    if pool.region not in regions:
        return None
    said = {"region": pool.region, "zone_id": pool.zone_id, "instance_type": pool.instance_type}
    until = change.flag.until if change.flag else None
    return orjson.dumps({"type": "flag", "data": {**said, "until": until}}).decode()


def _changes_lists(message: Message, heard: set[str]) -> bool:
    """Whether lists from before this message are out of date: not by heartbeats, save the first of each cluster."""
    if not message.channel.startswith(keys.agent_heartbeat("")):
        return message.channel != keys.RISK_CHANGES
    first = message.channel not in heard
    heard.add(message.channel)
    return first


async def _regions(gateway: Gateway, organization_id: UUID) -> Regions:
    return {cluster.id: cluster.region async for cluster in _all(gateway, organization_id)}


async def _all(gateway: Gateway, organization_id: UUID) -> AsyncIterator[Cluster]:
    after: Cursor | None = None
    async with gateway.services.database.tenant(organization_id) as tx:
        while True:
            page = await tx.clusters.page(organization_id, PageRequest(limit=MAX_PAGE, after=after))
            for cluster in page.items:
                yield cluster
            after = page.next
            if after is None:
                return
