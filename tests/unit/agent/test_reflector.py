"""Lists and watches: nothing is missed, nothing is kept that has gone, whatever the API server does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from adapters.clock import VirtualClock
from agent.kubernetes.errors import ForbiddenError, GoneError, NotFoundError
from agent.watching.kinds import NODE, NODE_POOL, POD, Kind
from agent.watching.reflector import LASTING_S, PAGE, TRUSTED_S, Reflector
from domain.delta import key_of
from tests.unit.agent.kube import MemoryKubernetes, away
from tests.unit.agent.objects import node, pod


class Seen:
    """Remembers the objects as they are told."""

    def __init__(self) -> None:
        self.objects: dict[str, Any] = {}
        self.lists = 0

    def on_object(self, kind: Kind, obj: dict[str, Any]) -> str:
        assert (obj["kind"], obj["apiVersion"]) == (kind.name, kind.api_version)
        self.objects[key_of(obj)] = obj
        return key_of(obj)

    def on_gone(self, _kind: Kind, obj: dict[str, Any]) -> None:
        del self.objects[key_of(obj)]

    def on_listed(self, _kind: Kind, keys: set[str]) -> None:
        self.lists += 1
        self.objects = {key: obj for key, obj in self.objects.items() if key in keys}


@asynccontextmanager
async def reflecting(
    api: MemoryKubernetes, clock: VirtualClock, kind: Kind = NODE
) -> AsyncIterator[tuple[Reflector, Seen]]:
    seen = Seen()
    reflector = Reflector(api, kind, clock, seen)
    task = asyncio.create_task(reflector.run())
    await clock.advance(0)
    yield reflector, seen
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_objects_are_listed_in_pages_and_then_watched() -> None:
    api, clock = MemoryKubernetes(), VirtualClock()
    for number in range(2 * PAGE + 1):
        api.put(pod(f"p{number}"))
    async with reflecting(api, clock, POD) as (reflector, seen):
        await clock.advance(1)
        assert reflector.listed
        assert len(seen.objects) == 2 * PAGE + 1
        assert api.asked.count(("GET", POD.path)) == 3
        api.put(pod("new"))
        api.remove(pod("p0"))
        await clock.advance(1)
        assert "Pod/shop/new" in seen.objects
        assert "Pod/shop/p0" not in seen.objects
        assert seen.lists == 1


async def test_a_watch_that_ends_goes_on_from_where_it_was() -> None:
    api, clock = MemoryKubernetes(), VirtualClock()
    async with reflecting(api, clock) as (_, seen):
        await clock.advance(LASTING_S + 1)
        api.end_watches()
        api.put(node("n2"))
        await clock.advance(1)
        assert "Node//n2" in seen.objects
        assert seen.lists == 1


async def test_a_watch_that_ends_again_and_again_is_not_opened_in_a_hot_loop() -> None:
    api, clock = MemoryKubernetes(), VirtualClock()
    async with reflecting(api, clock):
        for _ in range(100):
            api.end_watches()
            await clock.advance(0.1)
        assert api.asked.count(("WATCH", NODE.path)) < 8


async def test_a_version_that_is_too_old_lists_anew_and_drops_what_has_gone() -> None:
    api, clock = MemoryKubernetes(), VirtualClock()
    api.put(node("n1"))
    async with reflecting(api, clock) as (reflector, seen):
        await clock.advance(LASTING_S + 1)
        api.trouble = lambda method, _path: away() if method == "WATCH" else None
        api.shake()
        await clock.advance(0.1)
        api.remove(node("n1"))
        api.put(node("n2"))
        api.forget_history()
        api.version += 1
        api.oldest = api.version
        api.trouble = lambda _method, _path: None
        await clock.advance(10)
        assert list(seen.objects) == ["Node//n2"]
        assert (seen.lists, reflector.relists) == (2, 1)


async def test_a_list_whose_pages_expire_begins_again() -> None:
    api, clock = MemoryKubernetes(), VirtualClock()
    for number in range(PAGE + 1):
        api.put(node(f"n{number}"))
    gone = iter([None, GoneError(410, "Expired", "continue token")])
    api.trouble = lambda method, _path: next(gone, None) if method == "GET" else None
    async with reflecting(api, clock) as (reflector, seen):
        await clock.advance(5)
        assert reflector.listed
        assert len(seen.objects) == PAGE + 1


async def test_objects_stop_being_trusted_when_the_api_server_stays_away() -> None:
    api, clock = MemoryKubernetes(), VirtualClock()
    async with reflecting(api, clock) as (reflector, seen):
        await clock.advance(300)
        assert reflector.is_trusted()
        api.trouble = lambda _method, _path: away()
        api.shake()
        await clock.advance(TRUSTED_S - 10)
        assert reflector.is_trusted()
        await clock.advance(20)
        assert not reflector.is_trusted()
        api.trouble = lambda _method, _path: None
        api.put(node("n2"))
        await clock.advance(80)
        assert reflector.is_trusted()
        assert seen.lists == 1


async def test_a_denial_is_told_and_heals_when_it_is_granted() -> None:
    api, clock = MemoryKubernetes(), VirtualClock()
    api.trouble = lambda _method, _path: ForbiddenError(403, "Forbidden", "grant verb 'list'")
    async with reflecting(api, clock) as (reflector, _):
        await clock.advance(100)
        assert "grant verb 'list'" in reflector.problem
        assert not reflector.is_trusted()
        assert len(api.asked) < 10
        api.trouble = lambda _method, _path: None
        await clock.advance(80)
        assert (reflector.is_trusted(), reflector.problem) == (True, "")


async def test_a_kind_that_may_be_missing_counts_as_empty_until_it_is_there() -> None:
    api, clock = MemoryKubernetes(), VirtualClock()
    missing = NotFoundError(404, "NotFound", "no such resource")
    api.trouble = lambda _method, _path: missing
    async with reflecting(api, clock, NODE_POOL) as (reflector, seen):
        await clock.advance(300)
        assert (reflector.listed, reflector.is_trusted(), reflector.problem) == (True, True, "")
        api.trouble = lambda _method, _path: None
        pool = {"apiVersion": "karpenter.sh/v1", "kind": "NodePool", "metadata": {"name": "general"}}
        api.put(pool)
        await clock.advance(61)
        assert list(seen.objects) == ["NodePool//general"]
        api.trouble = lambda _method, _path: missing
        api.end_watches()
        await clock.advance(300)
        assert (reflector.is_trusted(), seen.objects) == (True, {})
