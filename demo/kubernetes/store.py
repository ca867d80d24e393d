"""The objects of one cluster, versioned as etcd versions them, and what has happened to them lately.

Objects are never changed in place: whoever holds one holds it as it was.
"""

import asyncio
import copy
import random
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from demo.kubernetes.errors import ApiError, conflict, expired, not_found
from demo.kubernetes.kinds import BY_NAME, BY_PLURAL, KINDS

Object = dict[str, Any]
Key = tuple[str, str]
"""Namespace (empty for none) and name."""

HISTORY = 2_000
"""Events of one kind that a watch can still begin before."""

FIRST_VERSION = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A change: ``ADDED``, ``MODIFIED`` or ``DELETED``."""

    version: int
    type: str
    object: Object


class Store:
    """All objects of a cluster.

    Parameters
    ----------
    now
        The time (UTC).
    seed
        What uids and names are drawn from.

    Attributes
    ----------
    version
        Of the last change.
    """

    def __init__(self, now: Callable[[], datetime], *, seed: str) -> None:
        self.now = now
        self.version = FIRST_VERSION
        self._random = random.Random(seed)
        self._objects: dict[str, dict[Key, Object]] = {kind.plural: {} for kind in KINDS}
        self._changed_at = dict.fromkeys(self._objects, FIRST_VERSION)
        self._history: dict[str, deque[Event]] = {kind.plural: deque(maxlen=HISTORY) for kind in KINDS}
        self._changed: dict[str, asyncio.Event] = {}

    def of(self, plural: str) -> list[Object]:
        """All objects of a kind, in the order in which they were made."""
        return list(self._objects[plural].values())

    def find(self, plural: str, name: str, namespace: str = "") -> Object | None:
        """An object, if it is there."""
        return self._objects[plural].get((namespace, name))

    def get(self, plural: str, name: str, namespace: str = "") -> Object:
        """An object; raises ApiError when it is not there."""
        found = self.find(plural, name, namespace)
        if found is None:
            raise not_found(plural, name)
        return found

    def changed_at(self, *plurals: str) -> int:
        """Version of the last change to any of these kinds."""
        return max(self._changed_at[plural] for plural in plurals)

    def suffix(self, length: int = 5) -> str:
        """The random end of a generated name."""
        return "".join(self._random.choices("bcdfghjklmnpqrstvwxz2456789", k=length))

    def create(self, obj: Object) -> Object:
        """Take a new object in; raises ApiError when there is one of its name."""
        kind, metadata = BY_NAME[obj["kind"]], obj["metadata"]
        key = (metadata.get("namespace", "") if kind.namespaced else "", metadata["name"])
        if key in self._objects[kind.plural]:
            raise ApiError(409, "AlreadyExists", f'{kind.plural} "{key[1]}" already exists')
        given: Object = {
            "uid": str(UUID(int=self._random.getrandbits(128), version=4)),
            "creationTimestamp": self.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        if kind.counts_generations:
            given["generation"] = 1
        made = {"apiVersion": kind.api_version, **copy.deepcopy(obj)}
        made["metadata"] |= given
        return self._commit(kind.plural, key, "ADDED", made)

    def edit(self, obj: Object, change: Callable[[Object], None], *, only_if: str = "") -> Object:
        """Change an object as it is now; one that stays as it was gets no new version.

        Parameters
        ----------
        only_if
            The version that it must still have, empty for any.

        Raises
        ------
        ApiError
            It has gone, or has changed meanwhile.
        """
        kind, metadata = BY_NAME[obj["kind"]], obj["metadata"]
        key = (metadata.get("namespace", ""), metadata["name"])
        current = self.get(kind.plural, key[1], key[0])
        if only_if and current["metadata"]["resourceVersion"] != only_if:
            raise conflict(kind.plural, key[1], "the object has been modified; please apply your changes to the latest")
        edited = copy.deepcopy(current)
        change(edited)
        if edited == current:
            return current
        if kind.counts_generations and edited.get("spec") != current.get("spec"):
            edited["metadata"]["generation"] += 1
        return self._commit(kind.plural, key, "MODIFIED", edited)

    def remove(self, obj: Object) -> None:
        """Drop an object at once; one that has gone already is fine."""
        kind, metadata = BY_NAME[obj["kind"]], obj["metadata"]
        key = (metadata.get("namespace", ""), metadata["name"])
        last = self._objects[kind.plural].pop(key, None)
        if last is not None:
            self._commit(kind.plural, key, "DELETED", copy.deepcopy(last))

    async def watch(self, plural: str, since: int) -> AsyncIterator[Event | None]:
        """Events after a version as they come; ``None`` whenever there are no more for now.

        Raises
        ------
        ApiError
            What happened since that version is no longer known.
        """
        history = self._history[plural]
        while True:
            if len(history) == HISTORY and history[0].version > since + 1:
                raise expired(since)
            changed = self._changed.setdefault(plural, asyncio.Event())
            for event in [event for event in history if event.version > since]:
                since = event.version
                yield event
            yield None
            await changed.wait()

    def _commit(self, plural: str, key: Key, what: str, obj: Object) -> Object:
        self.version += 1
        obj["metadata"]["resourceVersion"] = str(self.version)
        self._changed_at[plural] = self.version
        if what != "DELETED":
            self._objects[plural][key] = obj
        self._history[plural].append(Event(version=self.version, type=what, object=obj))
        if (changed := self._changed.pop(plural, None)) is not None:
            changed.set()
        return obj


def plural_of(text: str) -> str:
    """A kind's plural as a path names it; raises ApiError for a kind that is not served."""
    if text not in BY_PLURAL:
        raise ApiError(404, "NotFound", "the server could not find the requested resource")
    return text
