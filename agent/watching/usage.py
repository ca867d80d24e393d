"""Measured use of nodes and containers, from metrics-server where one runs."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import structlog

from agent.clock import Clock
from agent.kubernetes.api import JsonObject, KubernetesApi
from agent.kubernetes.errors import ForbiddenError, KubernetesError
from domain.quantity import parse_mcpu, parse_units
from domain.signing import wire_time
from domain.wire.messages import MAX_CONTAINERS, MAX_NODES, MAX_PODS

NODES = "/apis/metrics.k8s.io/v1beta1/nodes"
PODS = "/apis/metrics.k8s.io/v1beta1/pods"

_parse_mcpu = lru_cache(maxsize=4096)(parse_mcpu)
_parse_bytes = lru_cache(maxsize=4096)(parse_units)

log = structlog.get_logger(__name__)


class Usage:
    """Reads measured use.

    Attributes
    ----------
    available
        Whether metrics-server has answered the last time; ``None`` before the first.
    """

    def __init__(self, api: KubernetesApi, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self.available: bool | None = None

    async def collect(self) -> JsonObject:
        """A message `domain.wire.messages.Metrics` as JSON; both lists are empty where nothing is measured."""
        timestamp = wire_time(self._clock.now())
        try:
            nodes = _nodes(await self._api.get(NODES))
            pods = _pods(await self._api.get(PODS))
        except KubernetesError as err:
            self._say(str(err), available=False, denied=isinstance(err, ForbiddenError))
            return {"timestamp": timestamp, "nodes": [], "pods": []}
        self._say("", available=True, denied=False)
        return {"timestamp": timestamp, "nodes": nodes, "pods": pods}

    def _say(self, problem: str, *, available: bool, denied: bool) -> None:
        """Once for each change: a cluster without metrics-server is no error, being denied is one."""
        if available is self.available:
            return
        self.available = available
        if available:
            log.info("measured use comes from metrics-server")
        elif denied:
            log.error("measured use is not sent", problem=problem)
        else:
            log.warning("measured use is not sent, metrics-server does not answer", problem=problem)


def _nodes(answer: JsonObject) -> list[JsonObject]:
    read = (_node(item) for item in (answer.get("items") or [])[:MAX_NODES])
    return [node for node in read if node is not None]


def _pods(answer: JsonObject) -> list[JsonObject]:
    read = (_pod(item) for item in (answer.get("items") or [])[:MAX_PODS])
    return [pod for pod in read if pod is not None]


def _node(item: Mapping[str, Any]) -> JsonObject | None:
    amounts = _amounts(item.get("usage"))
    name = (item.get("metadata") or {}).get("name")
    return {"name": name, **amounts} if name and amounts else None


def _pod(item: Mapping[str, Any]) -> JsonObject | None:
    metadata = item.get("metadata") or {}
    name, namespace = metadata.get("name"), metadata.get("namespace")
    containers: list[JsonObject] = []
    for container in (item.get("containers") or [])[:MAX_CONTAINERS]:
        amounts = _amounts(container.get("usage"))
        if amounts and container.get("name"):
            containers.append({"name": container["name"], **amounts})
    return {"namespace": namespace, "name": name, "containers": containers} if name and namespace else None


def _amounts(usage: Mapping[str, Any] | None) -> dict[str, int] | None:
    """CPU and memory; nothing where one is missing or unreadable, as for a pod that has just begun."""
    try:
        return {"cpu_mcpu": _parse_mcpu((usage or {})["cpu"]), "memory_bytes": _parse_bytes((usage or {})["memory"])}
    except (KeyError, ValueError, TypeError):
        return None
