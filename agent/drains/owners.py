"""Which pods have no replica: asked of their controllers, and remembered for a while."""

import asyncio
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from agent.clock import Clock
from agent.drains.facts import PodFacts
from agent.kubernetes.api import KubernetesApi, path_of
from agent.kubernetes.errors import KubernetesError

REMEMBERED_S = 60
"""How long an answer is used: nodes that are interrupted together run pods of the same controllers."""

PARALLEL = 16
"""Questions asked at once."""

_PLURALS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "ReplicaSet": ("apps", "replicasets"),
        "StatefulSet": ("apps", "statefulsets"),
        "ReplicationController": ("", "replicationcontrollers"),
    }
)
"""Controllers that say how many pods they keep, by kind: API group and plural."""

_Key = tuple[str, str, str]


class Owners:
    """Asks controllers how many pods they keep. Who does not answer counts as having several: those are asked first."""

    def __init__(self, api: KubernetesApi, clock: Clock) -> None:
        self._api, self._clock = api, clock
        self._known: dict[_Key, tuple[float, int]] = {}
        self._gate = asyncio.Semaphore(PARALLEL)

    async def singles(self, pods: Iterable[PodFacts]) -> frozenset[str]:
        """Uids of the pods that are their controller's only one."""
        self._forget_old()
        by_owner: dict[_Key, list[str]] = {}
        for pod in pods:
            if pod.owner is not None and pod.owner.kind in _PLURALS:
                by_owner.setdefault((pod.owner.kind, pod.namespace, pod.owner.name), []).append(pod.uid)
        counts = await asyncio.gather(*map(self._replicas, by_owner))
        found = zip(by_owner.values(), counts, strict=True)
        return frozenset(uid for uids, count in found if count == 1 for uid in uids)

    async def _replicas(self, key: _Key) -> int:
        known = self._known.get(key)
        if known is not None:
            return known[1]
        kind, namespace, name = key
        group, plural = _PLURALS[kind]
        try:
            async with self._gate:
                found = await self._api.get(path_of(plural, name, group=group, namespace=namespace))
        except KubernetesError:
            return 0
        count = int((found.get("spec") or {}).get("replicas", 1))
        self._known[key] = (self._clock.monotonic() + REMEMBERED_S, count)
        return count

    def _forget_old(self) -> None:
        now = self._clock.monotonic()
        self._known = {key: kept for key, kept in self._known.items() if kept[0] > now}
