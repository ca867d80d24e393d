"""Keeps up with all objects of one kind: lists them in pages, then watches from where the list ended."""

import asyncio
import contextlib
from typing import Protocol

import structlog

from agent.backoff import Backoff
from agent.clock import Clock
from agent.kubernetes.api import JsonObject, KubernetesApi
from agent.kubernetes.errors import ForbiddenError, GoneError, KubernetesError, NotFoundError
from agent.watching.kinds import Kind
from domain.errors import InputError

PAGE = 200
"""Objects in one answer: of pods about 1.5 MB of JSON and 10 MB in memory while they are read."""

STRIDE = 25
"""Objects handled before others get a turn: a few milliseconds, so that a command never waits long behind a list."""

TRUSTED_S = 120.0
"""How long objects count as true while the API server does not answer."""

LASTING_S = 5.0
"""A watch that lasted as long was a good one: what follows it begins without a wait."""

MISSING_S = 60.0
"""Between two looks for a kind that is not installed."""

log = structlog.get_logger(__name__)


class Listener(Protocol):
    """Takes what is seen."""

    def on_object(self, kind: Kind, obj: JsonObject) -> str:
        """An object that is there, new or changed or seen again; its key.

        Raises
        ------
        InputError
            When it is no Kubernetes object.
        """

    def on_gone(self, kind: Kind, obj: JsonObject) -> None:
        """An object that is no longer there, as it was last."""

    def on_listed(self, kind: Kind, keys: set[str]) -> None:
        """A whole list has been told; whatever is not among its keys is gone."""


class Reflector:
    """One kind. Survives all errors of the API server; what it has seen is its listener's to keep.

    Parameters
    ----------
    listener
        Told of everything in the order in which it happened.

    Attributes
    ----------
    listed
        Whether all objects have been told once.
    problem
        Why the API server cannot be heard, empty when it can.
    relists
        How often everything had to be listed again.
    """

    def __init__(self, api: KubernetesApi, kind: Kind, clock: Clock, listener: Listener) -> None:
        self._api = api
        self._clock = clock
        self._listener = listener
        self._backoff = Backoff()
        self._failing_since: float | None = None
        self._version = ""
        self.kind = kind
        self.listed = False
        self.problem = ""
        self.relists = 0

    def is_trusted(self) -> bool:
        """Whether what was told is how the cluster is now, give or take two minutes."""
        since = self._failing_since
        return self.listed and (since is None or self._clock.monotonic() - since < TRUSTED_S)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self._list()
                await self._watch()
            except (NotFoundError, ForbiddenError) as err:
                await (self._do_without(err) if self.kind.optional else self._wait_after(err))
            except GoneError:
                self.relists += 1
                log.info("listing anew, the watch has fallen behind", kind=self.kind.name)
                await self._clock.sleep(self._backoff.next_s())
            except (KubernetesError, InputError) as err:
                await self._wait_after(err)

    async def _do_without(self, err: KubernetesError) -> None:
        """What may be missing must not keep the agent from telling all the rest; it is looked for again."""
        if not self.listed:
            log.warning("there is nothing of a kind", kind=self.kind.name, problem=str(err))
        self._listener.on_listed(self.kind, set())
        self.listed = True
        self._heard()
        await self._clock.sleep(MISSING_S)

    async def _list(self) -> None:
        """Tell all objects, page by page, and remember the version that the watch goes on from."""
        keys: set[str] = set()
        token = ""
        while True:
            params = {"limit": str(PAGE)} | ({"continue": token} if token else {})
            page = await self._api.get(self.kind.path, params=params)
            keys |= await self._take(page.get("items") or [])
            metadata = page.get("metadata") or {}
            token = metadata.get("continue") or ""
            if not token:
                break
        self._version = str(metadata.get("resourceVersion") or "")
        self._listener.on_listed(self.kind, keys)
        self.listed = True
        self._heard()

    async def _take(self, items: list[JsonObject]) -> set[str]:
        keys: set[str] = set()
        head = {"apiVersion": self.kind.api_version, "kind": self.kind.name}
        for number, item in enumerate(items, start=1):
            keys.add(self._listener.on_object(self.kind, head | item))
            if number % STRIDE == 0:
                await asyncio.sleep(0)
        return keys

    async def _watch(self) -> None:
        """Until the version is too old. Whatever else ends a watch, the next goes on from the last version seen."""
        while True:
            began_at = self._clock.monotonic()
            try:
                await self._watch_once()
            except GoneError:
                raise
            except KubernetesError as err:
                if self.kind.optional and isinstance(err, (NotFoundError, ForbiddenError)):
                    raise
                await self._wait_after(err)
                continue
            self._heard()
            if self._clock.monotonic() - began_at < LASTING_S:
                await self._clock.sleep(self._backoff.next_s())
            else:
                self._backoff.reset()

    async def _watch_once(self) -> None:
        async with contextlib.aclosing(self._api.watch(self.kind.path, params=self._from_here())) as events:
            async for event in events:
                self._handle(event)
                self._heard()

    def _from_here(self) -> dict[str, str]:
        return {"resourceVersion": self._version}

    def _handle(self, event: JsonObject) -> None:
        kind, obj = event.get("type"), event.get("object") or {}
        if kind in ("ADDED", "MODIFIED"):
            self._listener.on_object(self.kind, obj)
        elif kind == "DELETED":
            self._listener.on_gone(self.kind, obj)
        self._version = (obj.get("metadata") or {}).get("resourceVersion") or self._version

    def _heard(self) -> None:
        self._failing_since = None
        self.problem = ""

    async def _wait_after(self, err: KubernetesError | InputError) -> None:
        """Say a problem once, not with each try."""
        if self._failing_since is None:
            self._failing_since = self._clock.monotonic()
        if str(err) != self.problem:
            self.problem = str(err)
            log.error("the cluster cannot be watched", kind=self.kind.name, problem=self.problem)
        asked_s = err.retry_after_s if isinstance(err, KubernetesError) else None
        await self._clock.sleep(self._backoff.next_s(at_least_s=asked_s))
