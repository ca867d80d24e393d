"""Measured use, with and without a metrics-server."""

from typing import Any

import pytest

from adapters.clock import VirtualClock
from agent.watching.usage import NODES, PODS, Usage
from domain.wire.messages import Metrics
from tests.unit.agent.kube import MemoryKubernetes, away


def container(name: str = "api", **usage: str) -> dict[str, Any]:
    return {"name": name, "usage": {"cpu": "119234567n", "memory": "262144Ki"} | usage}


def measured(api: MemoryKubernetes, **pod: Any) -> None:
    usage = {"cpu": "2150m", "memory": "9Gi"}
    api.answers[NODES] = {"items": [{"metadata": {"name": "n1"}, "usage": usage}]}
    metadata = {"namespace": "shop", "name": "api-1"}
    api.answers[PODS] = {"items": [{"metadata": metadata, "containers": [container()], **pod}]}


async def collected(api: MemoryKubernetes) -> Metrics:
    return Metrics.model_validate(await Usage(api, VirtualClock()).collect())


async def test_what_is_measured_is_told_in_whole_units() -> None:
    api = MemoryKubernetes()
    measured(api)
    metrics = await collected(api)
    assert (metrics.nodes[0].cpu_mcpu, metrics.nodes[0].memory_bytes) == (2150, 9 << 30)
    assert (metrics.pods[0].containers[0].cpu_mcpu, metrics.pods[0].containers[0].memory_bytes) == (120, 256 << 20)


async def test_a_container_without_a_readable_measurement_is_left_out() -> None:
    api = MemoryKubernetes()
    measured(api, containers=[container("a", cpu="much"), {"name": "b"}, container("c")])
    assert [one.name for one in (await collected(api)).pods[0].containers] == ["c"]


@pytest.mark.parametrize("reachable", [True, False])
async def test_without_a_metrics_server_both_lists_are_empty(*, reachable: bool) -> None:
    api = MemoryKubernetes()
    if not reachable:
        api.trouble = lambda _method, _path: away()
    metrics = await collected(api)
    assert (metrics.nodes, metrics.pods) == ([], [])


async def test_a_metrics_server_that_comes_later_is_found() -> None:
    api = MemoryKubernetes()
    usage = Usage(api, VirtualClock())
    await usage.collect()
    assert usage.available is False
    measured(api)
    assert len((await usage.collect())["nodes"]) == 1
