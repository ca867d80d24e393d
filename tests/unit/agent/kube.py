"""A Kubernetes API in memory: objects with versions, lists in pages, watches, conflicts, and errors when asked for."""

import asyncio
import copy
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.kubernetes.api import NO_PARAMS, JsonObject, PatchKind, path_of
from agent.kubernetes.errors import (
    ConflictError,
    GoneError,
    KubernetesError,
    NotFoundError,
    UnavailableError,
    call_of,
)
from agent.watching.kinds import KINDS, NODE_POOL

PLURALS = {kind.name: (kind.group, kind.plural) for kind in (*KINDS, NODE_POOL)}


def away() -> UnavailableError:
    return UnavailableError(503, "ServiceUnavailable", "away")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an object is, or with an empty name a list."""

    root: str
    plural: str
    namespace: str
    name: str

    @classmethod
    def of(cls, path: str) -> "Place":
        call = call_of("GET", path)
        root = f"apis/{call.group}" if call.group else "api"
        return cls(root=root, plural=call.resource, namespace=call.namespace, name=call.name)

    def has(self, other: "Place") -> bool:
        same = (self.root, self.plural) == (other.root, other.plural)
        return same and self.namespace in ("", other.namespace)


@dataclass(slots=True)
class MemoryKubernetes:
    """The API server. ``trouble`` may raise an error in place of an answer; ``answers`` are paths outside the objects.

    ``asked`` are all calls: method and path.
    """

    trouble: Callable[[str, str], KubernetesError | None] = lambda _method, _path: None
    answers: dict[str, JsonObject] = field(default_factory=lambda: {"/version": {"gitVersion": "v1.33.1-eks-1"}})
    asked: list[tuple[str, str]] = field(default_factory=list)
    objects: dict[Place, JsonObject] = field(default_factory=dict)
    history: list[tuple[int, Place, str, JsonObject]] = field(default_factory=list)
    version: int = 100
    oldest: int = 0
    watches: int = 0
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _ended: int = 0

    def put(self, obj: JsonObject) -> JsonObject:
        """Create or replace an object, as somebody else would."""
        return self._store(self._place(obj), copy.deepcopy(obj))

    def remove(self, obj: JsonObject) -> None:
        """Delete an object, as somebody else would."""
        self._delete(self._place(obj))

    def forget_history(self) -> None:
        """Watches from before now are answered with 410."""
        self.oldest = self.version
        self.history.clear()

    def end_watches(self) -> None:
        """All watches end, as they do when their time is up."""
        self._ended += 1
        self._wake()

    async def get(self, path: str, *, params: Mapping[str, str] = NO_PARAMS) -> JsonObject:
        self._ask("GET", path)
        if path in self.answers:
            return copy.deepcopy(self.answers[path])
        place = Place.of(path)
        if place.name:
            return copy.deepcopy(self._found(place))
        if "metrics.k8s.io" in place.root:
            raise NotFoundError(404, "NotFound", f"{path}: the server could not find the requested resource")
        return self._page(place, params)

    async def post(self, path: str, body: JsonObject, *, params: Mapping[str, str] = NO_PARAMS) -> JsonObject:
        self._ask("POST", path)
        place = Place.of(path)
        place = Place(root=place.root, plural=place.plural, namespace=place.namespace, name=body["metadata"]["name"])
        if place in self.objects:
            raise ConflictError(409, "AlreadyExists", f"{path}: already exists")
        return self._store(place, copy.deepcopy(body))

    async def patch(
        self,
        path: str,
        body: JsonObject | Sequence[JsonObject],
        *,
        kind: PatchKind,
        params: Mapping[str, str] = NO_PARAMS,
    ) -> JsonObject:
        self._ask("PATCH", path)
        assert kind is PatchKind.MERGE
        assert isinstance(body, dict)
        place = Place.of(path)
        known = self._found(place)
        wanted = (body.get("metadata") or {}).get("resourceVersion")
        if wanted not in (None, known["metadata"]["resourceVersion"]):
            raise ConflictError(409, "Conflict", f"{path}: the object has been modified")
        return self._store(place, _merged(known, body))

    async def delete(self, path: str, *, body: JsonObject | None = None) -> JsonObject:
        self._ask("DELETE", path)
        self._found(Place.of(path))
        return self._delete(Place.of(path))

    async def watch(self, path: str, *, params: Mapping[str, str] = NO_PARAMS) -> AsyncGenerator[JsonObject, None]:
        self._ask("WATCH", path)
        place, seen, ended = Place.of(path), int(params["resourceVersion"]), self._ended
        if seen < self.oldest:
            raise GoneError(410, "Expired", "too old resource version")
        self.watches += 1
        try:
            while ended == self._ended:
                if seen < self.oldest:
                    raise GoneError(410, "Expired", "the watch has fallen behind")
                for version, where, kind, obj in list(self.history):
                    if version > seen and place.has(where):
                        yield {"type": kind, "object": copy.deepcopy(obj)}
                seen = max(seen, self.version)
                await self._news.wait()
                if (error := self.trouble("WATCH", path)) is not None:
                    raise error
        finally:
            self.watches -= 1

    def shake(self) -> None:
        """Watches look whether there is trouble."""
        self._wake()

    def _ask(self, method: str, path: str) -> None:
        self.asked.append((method, path))
        if (error := self.trouble(method, path)) is not None:
            raise error

    def _place(self, obj: JsonObject) -> Place:
        metadata = obj["metadata"]
        group, plural = PLURALS[obj["kind"]]
        return Place.of(path_of(plural, metadata["name"], group=group, namespace=metadata.get("namespace", "")))

    def _found(self, place: Place) -> JsonObject:
        if place not in self.objects:
            raise NotFoundError(404, "NotFound", f"{place.plural} {place.name}: not found")
        return self.objects[place]

    def _page(self, place: Place, params: Mapping[str, str]) -> JsonObject:
        everything = [obj for where, obj in self.objects.items() if place.has(where)]
        start, limit = int(params.get("continue", 0)), int(params.get("limit", 1_000_000))
        metadata: dict[str, Any] = {"resourceVersion": str(self.version)}
        if start + limit < len(everything):
            metadata |= {"continue": str(start + limit), "remainingItemCount": len(everything) - start - limit}
        items = [copy.deepcopy(obj) for obj in everything[start : start + limit]]
        for item in items:
            item.pop("kind", None)
            item.pop("apiVersion", None)
        return {"metadata": metadata, "items": items}

    def _store(self, place: Place, obj: JsonObject) -> JsonObject:
        self.version += 1
        obj["metadata"]["resourceVersion"] = str(self.version)
        kind = "MODIFIED" if place in self.objects else "ADDED"
        self.objects[place] = obj
        self._record(place, kind, obj)
        return copy.deepcopy(obj)

    def _delete(self, place: Place) -> JsonObject:
        self.version += 1
        obj = self.objects.pop(place)
        obj["metadata"]["resourceVersion"] = str(self.version)
        self._record(place, "DELETED", obj)
        return obj

    def _record(self, place: Place, kind: str, obj: JsonObject) -> None:
        self.history.append((self.version, place, kind, copy.deepcopy(obj)))
        self._wake()

    def _wake(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()


def _merged(known: JsonObject, patch: JsonObject) -> JsonObject:
    result = copy.deepcopy(known)
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = _merged(result[key], value)
        else:
            result[key] = copy.deepcopy(value)
    return result
