"""Documents that survive a restart."""

import asyncio

import pytest

from adapters.clock import VirtualClock
from agent.configuration import Configuration
from agent.kubernetes.errors import ConflictError
from agent.store import MAX_BYTES, ConfigMapStore
from domain.errors import InputError
from domain.wire.messages import AgentConfig
from tests.unit.agent.kube import MemoryKubernetes, away
from tests.unit.agent.service import make_settings


def make(api: MemoryKubernetes) -> ConfigMapStore:
    return ConfigMapStore(api=api, namespace="spot-optimizer")


async def test_what_was_saved_is_loaded_by_the_next_process() -> None:
    api = MemoryKubernetes()
    first = make(api)
    assert await first.load("memory") is None
    await first.save("memory", {"a": 1})
    await first.save("memory", {"b": 2})
    assert await make(api).load("memory") == {"b": 2}
    assert ("POST", "/api/v1/namespaces/spot-optimizer/configmaps") in api.asked


async def test_two_who_write_at_once_do_not_overwrite_each_other() -> None:
    api = MemoryKubernetes()
    first, second = make(api), make(api)
    await first.save("memory", {"a": 1})
    with pytest.raises(ConflictError):
        await second.save("memory", {"b": 2})
    await second.load("memory")
    await second.save("memory", {"b": 2})
    with pytest.raises(ConflictError):
        await first.save("memory", {"c": 3})


async def test_a_document_that_somebody_deleted_is_a_conflict_and_then_made_anew() -> None:
    api = MemoryKubernetes()
    store = make(api)
    await store.save("memory", {"a": 1})
    api.objects.clear()
    with pytest.raises(ConflictError):
        await store.save("memory", {"a": 2})
    await store.save("memory", {"a": 2})
    assert await store.load("memory") == {"a": 2}


async def test_a_document_that_somebody_damaged_counts_as_none() -> None:
    api = MemoryKubernetes()
    store = make(api)
    await store.save("memory", {"a": 1})
    (stored,) = api.objects.values()
    stored["data"]["document.json"] = "{"
    assert await store.load("memory") is None
    await store.save("memory", {"a": 2})
    assert await store.load("memory") == {"a": 2}


async def test_a_document_that_is_too_large_is_refused() -> None:
    with pytest.raises(InputError):
        await make(MemoryKubernetes()).save("memory", {"a": "x" * MAX_BYTES})


async def test_an_agent_that_starts_while_the_service_is_away_remembers_that_it_is_in_safe_mode() -> None:
    api, clock = MemoryKubernetes(), VirtualClock()
    first = Configuration(make_settings(), make(api))
    task = asyncio.create_task(first.run())
    first.change(AgentConfig(version=3, safe_mode=True))
    await clock.advance(1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    second = Configuration(make_settings(), make(api))
    heard: list[bool] = []
    second.follow(lambda config: heard.append(config.safe_mode))
    await second.restore()
    assert heard == [False, True]
    assert second.told.version == 3


async def test_a_configuration_that_cannot_be_read_or_kept_is_no_reason_to_fail() -> None:
    api, clock = MemoryKubernetes(), VirtualClock()
    api.trouble = lambda _method, _path: away()
    configuration = Configuration(make_settings(), make(api))
    await configuration.restore()
    task = asyncio.create_task(configuration.run())
    configuration.change(AgentConfig(version=3))
    await clock.advance(1)
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
