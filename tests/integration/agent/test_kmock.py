"""The Kubernetes client against a mock of the API server on loopback."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import kmock
import pytest
from kmock import KubernetesEmulator

from adapters.clock import SystemClock
from agent.drains.evictions import Verdict, evict
from agent.drains.facts import read_pod
from agent.kubernetes.api import PatchKind, path_of
from agent.kubernetes.client import HttpKubernetes
from agent.kubernetes.errors import ConflictError, NotFoundError, UnavailableError
from agent.settings import KubernetesAccess
from agent.watching.kinds import POD
from agent.watching.reflector import Reflector
from tests.integration.gateway.conftest import until
from tests.unit.agent.objects import pod
from tests.unit.agent.test_reflector import Seen

PODS = path_of("pods", namespace="shop")


@pytest.fixture
async def cluster() -> AsyncIterator[KubernetesEmulator]:
    async with kmock.KubernetesEmulator() as emulator, kmock.Server(emulator):
        emulator.resources["v1/pods"] = {"kind": "Pod", "namespaced": True}
        yield emulator


@pytest.fixture
async def client(cluster: KubernetesEmulator) -> AsyncIterator[HttpKubernetes]:
    async with HttpKubernetes(KubernetesAccess(url=str(cluster.url).rstrip("/")), SystemClock()) as made:
        yield made


async def test_objects_are_made_read_changed_and_deleted(client: HttpKubernetes) -> None:
    await client.post(PODS, pod("api-1"))
    with pytest.raises(ConflictError):
        await client.post(PODS, pod("api-1"))
    one = path_of("pods", "api-1", namespace="shop")
    await client.patch(one, {"metadata": {"labels": {"tier": "front"}}}, kind=PatchKind.MERGE)
    assert (await client.get(one))["metadata"]["labels"] == {"app": "api", "pod-template-hash": "7f9c", "tier": "front"}
    assert len((await client.get(POD.path))["items"]) == 1
    await client.delete(one)
    with pytest.raises(NotFoundError, match="get pods api-1 in namespace shop"):
        await client.get(one)


async def test_a_server_that_is_not_there_is_unreachable() -> None:
    async with HttpKubernetes(KubernetesAccess(url="http://127.0.0.1:9"), SystemClock()) as client:
        with pytest.raises(UnavailableError, match="list pods: the Kubernetes API cannot be reached"):
            await client.get(POD.path)


async def test_a_reflector_follows_what_happens(client: HttpKubernetes) -> None:
    await client.post(PODS, pod("before"))
    seen = Seen()
    reflector = Reflector(client, POD, SystemClock(), seen)
    task = asyncio.create_task(reflector.run())
    try:
        await until(lambda: reflector.listed)
        assert list(seen.objects) == ["Pod/shop/before"]
        await client.post(PODS, pod("after"))
        await client.delete(path_of("pods", "before", namespace="shop"))
        await until(lambda: list(seen.objects) == ["Pod/shop/after"])
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_watch_that_fails_is_opened_again(cluster: KubernetesEmulator, client: HttpKubernetes) -> None:
    broken: Any = cluster["watch", cluster.resource("v1/pods")]
    broken << 503
    seen = Seen()
    reflector = Reflector(client, POD, SystemClock(), seen)
    task = asyncio.create_task(reflector.run())
    try:
        await until(lambda: reflector.problem)
        assert "503" in reflector.problem
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_an_eviction_in_a_namespace_that_is_being_deleted_is_no_denial(
    cluster: KubernetesEmulator, client: HttpKubernetes
) -> None:
    causes = [{"reason": "NamespaceTerminating", "message": "namespace shop is being terminated"}]
    answer = {"kind": "Status", "code": 403, "reason": "Forbidden", "message": "terminated"}
    doomed: Any = cluster["post /api/v1/namespaces/shop/pods/api-1/eviction"]
    doomed << 403 << (answer | {"details": {"causes": causes}})
    denied: Any = cluster["post /api/v1/namespaces/shop/pods/api-2/eviction"]
    denied << 403 << answer
    answers = [await evict(client, read_pod(pod(name)), budgets=()) for name in ("api-1", "api-2")]
    assert [one.verdict for one in answers] == [Verdict.LEAVING, Verdict.IMPOSSIBLE]
    assert "grant verb 'create' on resource 'pods/eviction'" in answers[1].problem
