"""What actions were accepted, across restarts: their nonces, and the results of those that have ended.

A nonce is stored before its action begins: an agent that dies in the middle and comes back refuses the same bytes. The
service then signs the action anew, and whatever of it was done already is met as done.
"""

import asyncio
from datetime import datetime

import structlog

from agent.kubernetes.api import JsonObject
from agent.kubernetes.errors import ConflictError
from agent.store import Store
from domain.signing import ActionRefusedError, Refusal, wire_time
from domain.wire.messages import ResultBody

DOCUMENT = "actions"
"""Name of the document in the store."""

CAPACITY = 5_000
"""Nonces kept at once, about 60 bytes each: 300 kB of the 512 kB that a document may have."""

MOST_RESULTS = 100
LARGEST_RESULT = 1_500
"""Results kept, and the bytes of one: a larger one is done again, which changes nothing."""

_TRIES = 3

log = structlog.get_logger(__name__)


class Memory:
    """Nonces (a `domain.signing.NonceMemory`) and results. What was committed survives a crash."""

    def __init__(self, store: Store, *, capacity: int = CAPACITY) -> None:
        self._store = store
        self._capacity = capacity
        self._until: dict[str, datetime] = {}
        self._stored: set[str] = set()
        self._results: dict[str, tuple[datetime, ResultBody]] = {}
        self._is_loaded = False
        self._gate = asyncio.Lock()

    async def load(self) -> None:
        """Read what was stored, once."""
        async with self._gate:
            if not self._is_loaded:
                self._take_in(await self._store.load(DOCUMENT) or {})
                self._is_loaded = True

    def remember(self, nonce: str, *, until: datetime, now: datetime) -> bool:
        """Keep a nonce until it expires; false when it is known already, or when there is no room for it."""
        if nonce in self._until:
            return False
        if len(self._until) >= self._capacity:
            self._forget(now)
        if len(self._until) >= self._capacity:
            return False
        self._until[nonce] = until
        return True

    async def commit(self, nonce: str, now: datetime) -> None:
        """Store a nonce; those that came meanwhile go with it.

        Raises
        ------
        ActionRefusedError
            When another agent has accepted the same nonce meanwhile.
        KubernetesError
            When it cannot be stored.
        """
        async with self._gate:
            for left in reversed(range(_TRIES)):
                if nonce in self._stored:
                    return
                self._forget(now)
                try:
                    await self._save()
                except ConflictError:
                    if not left:
                        raise
                    await self._reload(nonce)

    def keep_result(self, action_id: str, body: ResultBody, *, until: datetime) -> None:
        """Remember how an action ended, should it be handed out again. Stored with the next nonce."""
        if len(body.model_dump_json()) <= LARGEST_RESULT:
            self._results[action_id] = (until, body)
        while len(self._results) > MOST_RESULTS:
            del self._results[next(iter(self._results))]

    def result_of(self, action_id: str) -> ResultBody | None:
        """How an action ended, if that is remembered."""
        found = self._results.get(action_id)
        return found[1] if found is not None else None

    async def _save(self) -> None:
        written = dict(self._until)
        await self._store.save(
            DOCUMENT,
            {
                "nonces": {nonce: wire_time(until) for nonce, until in written.items()},
                "results": {
                    id_: {"until": wire_time(until), "body": body.model_dump(mode="json")}
                    for id_, (until, body) in self._results.items()
                },
            },
        )
        self._stored = set(written)

    async def _reload(self, nonce: str) -> None:
        """Somebody else has led meanwhile: what they accepted counts too."""
        found = await self._store.load(DOCUMENT) or {}
        if nonce in (found.get("nonces") or {}):
            raise ActionRefusedError(Refusal.REPEATED, "another agent has accepted this action")
        self._take_in(found)

    def _take_in(self, document: JsonObject) -> None:
        """A document that somebody has damaged is read as far as it can be."""
        try:
            nonces = {nonce: datetime.fromisoformat(until) for nonce, until in document.get("nonces", {}).items()}
            results = {
                id_: (datetime.fromisoformat(kept["until"]), ResultBody.model_validate(kept["body"]))
                for id_, kept in document.get("results", {}).items()
            }
        except (ValueError, TypeError, KeyError, AttributeError) as err:
            log.error("the memory of actions is damaged and begins anew", error=str(err))
            return
        self._until = nonces | self._until
        self._stored |= nonces.keys()
        self._results = results | self._results

    def _forget(self, now: datetime) -> None:
        self._until = {nonce: until for nonce, until in self._until.items() if until > now}
        self._results = {id_: kept for id_, kept in self._results.items() if kept[0] > now}
