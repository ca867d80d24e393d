"""One of several agents leads: whoever holds a Lease (coordination.k8s.io) and renews it in time.

The rules are those of client-go: others wait until they have seen the lease unchanged for its whole duration, measured
by their own clocks, and the leader stops by itself when it could not renew for a while that is shorter than that.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any

import structlog

from agent.clock import Clock
from agent.kubernetes.api import JsonObject, KubernetesApi, PatchKind, path_of
from agent.kubernetes.errors import ConflictError, KubernetesError, NotFoundError
from agent.waiting import first_of

LEASE_S = 15
"""How long a lease holds without being renewed: the longest that nobody leads after a leader has died."""

RENEW_DEADLINE_S = 10.0
"""A leader that could not renew for as long steps down, well before another may take over."""

RETRY_S = 2.0
"""Time between two tries to take or renew."""

TRY_S = 3.0
"""Longest time for one try: two that hang end before the deadline."""

GROUP = "coordination.k8s.io"
LEASE = "spot-optimizer-agent"

Lead = Callable[[], Coroutine[Any, Any, None]]
"""What a leader does until it is cancelled."""

log = structlog.get_logger(__name__)


class Election:
    """Leads when it can. A crash is over after `LEASE_S`; after a clean stop another takes over at once.

    Parameters
    ----------
    identity
        Name of this process, different from all others'.

    Attributes
    ----------
    leading
        Whether this process leads.
    another_leads
        Whether another was seen to lead. With neither, nobody does, or nobody can tell.
    """

    def __init__(self, api: KubernetesApi, clock: Clock, *, namespace: str, identity: str, lease: str = LEASE) -> None:
        self._api = api
        self._clock = clock
        self._identity = identity
        self._list = path_of("leases", group=GROUP, namespace=namespace)
        self._path = path_of("leases", lease, group=GROUP, namespace=namespace)
        self._name = lease
        self._seen: tuple[str, float] = ("", 0.0)
        self._contact_at: float | None = None
        self._problem = ""
        self.leading = False
        self.another_leads = False

    def in_contact(self) -> bool:
        """Whether the Kubernetes API has answered lately."""
        return self._contact_at is not None and self._clock.monotonic() - self._contact_at < LEASE_S

    async def run(self, lead: Lead) -> None:
        """Take the lease whenever it is free, and lead while it is held. Until cancelled."""
        try:
            while True:
                while not await self._try():
                    await self._clock.sleep(RETRY_S)
                await self._lead(lead)
        finally:
            await self._release()

    async def _lead(self, lead: Lead) -> None:
        self.leading = True
        log.info("leading", identity=self._identity)
        try:
            await first_of(lead(), self._renew())
        finally:
            self.leading = False
        log.warning("no longer leading", identity=self._identity)

    async def _renew(self) -> None:
        """Return when the lease is lost."""
        renewed_at = self._clock.monotonic()
        while self._clock.monotonic() - renewed_at < RENEW_DEADLINE_S:
            await self._clock.sleep(RETRY_S)
            started_at = self._clock.monotonic()
            if await self._try():
                renewed_at = started_at
            elif self.another_leads:
                return

    async def _try(self) -> bool:
        """Take or renew; whether the lease is ours now. Where there is no answer, who leads stays as it was."""
        try:
            async with asyncio.timeout(TRY_S):
                return await self._take()
        except (KubernetesError, TimeoutError) as err:
            self._say(str(err) or "the Kubernetes API does not answer in time")
            return False

    async def _take(self) -> bool:
        try:
            lease = await self._api.get(self._path)
        except NotFoundError:
            return await self._create()
        self._reached()
        held_by = _spec(lease).get("holderIdentity") or ""
        self.another_leads = held_by not in ("", self._identity) and not self._has_run_out(lease)
        return not self.another_leads and await self._write(lease, taken=held_by != self._identity)

    async def _create(self) -> bool:
        metadata = {"name": self._name}
        body = {"apiVersion": f"{GROUP}/v1", "kind": "Lease", "metadata": metadata, "spec": self._claim(1, taken=True)}
        try:
            await self._api.post(self._list, body)
        except ConflictError:
            return False
        self._reached()
        return True

    async def _write(self, lease: JsonObject, *, taken: bool) -> bool:
        changes = int(_spec(lease).get("leaseTransitions") or 0) + int(taken)
        metadata = {"resourceVersion": lease["metadata"]["resourceVersion"]}
        patch = {"metadata": metadata, "spec": self._claim(changes, taken=taken)}
        try:
            await self._api.patch(self._path, patch, kind=PatchKind.MERGE)
        except ConflictError:
            return False
        return True

    def _claim(self, transitions: int, *, taken: bool) -> JsonObject:
        now = _micro_time(self._clock.now())
        claim: JsonObject = {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": LEASE_S,
            "renewTime": now,
            "leaseTransitions": transitions,
        }
        return claim | ({"acquireTime": now} if taken else {})

    def _has_run_out(self, lease: JsonObject) -> bool:
        """Whether the lease has been the same for its whole duration, by this process's own clock."""
        version, now = lease["metadata"]["resourceVersion"], self._clock.monotonic()
        if version != self._seen[0]:
            self._seen = (version, now)
        duration_s = float(_spec(lease).get("leaseDurationSeconds") or LEASE_S)
        return now - self._seen[1] >= duration_s

    async def _release(self) -> None:
        """Let another take over at once. Whatever goes wrong, the lease runs out by itself."""
        with contextlib.suppress(KubernetesError, TimeoutError, asyncio.CancelledError):
            async with asyncio.timeout(RETRY_S):
                lease = await self._api.get(self._path)
                if _spec(lease).get("holderIdentity") == self._identity:
                    version = lease["metadata"]["resourceVersion"]
                    patch = {"metadata": {"resourceVersion": version}, "spec": {"holderIdentity": ""}}
                    await self._api.patch(self._path, patch, kind=PatchKind.MERGE)

    def _reached(self) -> None:
        self._contact_at = self._clock.monotonic()
        self._problem = ""

    def _say(self, problem: str) -> None:
        """Once for each problem, not every two seconds."""
        if problem != self._problem:
            self._problem = problem
            log.error("the lease can neither be taken nor renewed", problem=problem)


def _spec(lease: JsonObject) -> dict[str, Any]:
    spec = lease.get("spec")
    return spec if isinstance(spec, dict) else {}


def _micro_time(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
