"""The store of a simulated cluster: versions, watches, conflicts."""

import asyncio
from itertools import count

import pytest

from demo.kubernetes.errors import ApiError
from demo.kubernetes.store import HISTORY, Event, Store
from tests.unit.demo.kube import Time

NODE = {"kind": "Node", "metadata": {"name": "a"}, "spec": {}}


def store() -> Store:
    return Store(Time(), seed="test")


async def events(kept: Store, since: int, many: int) -> list[Event]:
    found: list[Event] = []
    async for event in kept.watch("nodes", since):
        if event is not None:
            found.append(event)
        if len(found) == many:
            break
    return found


async def test_a_watch_tells_what_has_happened_since_and_what_happens_from_now_on() -> None:
    kept = store()
    made = kept.create(NODE)
    watching = asyncio.create_task(events(kept, int(made["metadata"]["resourceVersion"]) - 1, 3))
    await asyncio.sleep(0)
    kept.edit(made, lambda node: node["spec"].update(unschedulable=True))
    kept.remove(made)
    assert [event.type for event in await watching] == ["ADDED", "MODIFIED", "DELETED"]


def test_an_object_that_stays_as_it_was_gets_no_new_version() -> None:
    kept = store()
    made = kept.create(NODE)
    assert kept.edit(made, lambda node: node["spec"].clear()) is made


def test_a_change_that_rests_on_an_old_version_is_a_conflict() -> None:
    kept = store()
    made = kept.create(NODE)
    kept.edit(made, lambda node: node["spec"].update(unschedulable=True))
    with pytest.raises(ApiError) as refused:
        kept.edit(made, lambda node: node["spec"].clear(), only_if=made["metadata"]["resourceVersion"])
    assert refused.value.status == 409


def test_an_object_that_somebody_holds_never_changes() -> None:
    kept = store()
    made = kept.create(NODE)
    kept.edit(made, lambda node: node["spec"].update(unschedulable=True))
    assert made["spec"] == {}


async def test_a_watch_that_begins_before_what_is_known_is_told_to_list_anew() -> None:
    kept, numbers = store(), count()
    made = kept.create(NODE)
    for _ in range(HISTORY):
        kept.edit(made, lambda node: node["spec"].update(number=next(numbers)))
    with pytest.raises(ApiError) as refused:
        await events(kept, 1, 1)
    assert refused.value.status == 410
