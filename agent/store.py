"""What must survive a restart of the agent: small JSON documents, each a ConfigMap of the agent's own namespace."""

from dataclasses import dataclass, field
from typing import Protocol

import orjson

from agent.kubernetes.api import JsonObject, KubernetesApi, PatchKind, path_of
from agent.kubernetes.errors import ConflictError, NotFoundError
from domain.errors import InputError

MAX_BYTES = 512 << 10
"""Largest document; a ConfigMap takes 1 MiB in all."""

PREFIX = "spot-optimizer-agent-"
_KEY = "document.json"
_LABELS = {"app.kubernetes.io/name": "spot-optimizer-agent", "app.kubernetes.io/component": "state"}


class Store(Protocol):
    """Documents by name. One process writes a name at a time: whoever leads."""

    async def load(self, name: str) -> JsonObject | None:
        """The document, ``None`` when there is none; `save` then builds on what was read here."""

    async def save(self, name: str, value: JsonObject) -> None:
        """Keep a document in place of what `load` or the last `save` saw.

        Raises
        ------
        ConflictError
            When somebody else has written it meanwhile: load it again.
        InputError
            When it is too large.
        """


@dataclass(slots=True)
class ConfigMapStore:
    """Documents in ConfigMaps ``spot-optimizer-agent-{name}``, guarded by their resource version.

    Crashes lose nothing that was saved; the versions seen are read anew by `load`.
    """

    api: KubernetesApi
    namespace: str
    _versions: dict[str, str] = field(default_factory=dict, init=False, repr=False)

    async def load(self, name: str) -> JsonObject | None:
        """The document, ``None`` when there is none or when it is unreadable."""
        try:
            found = await self.api.get(self._path(name))
        except NotFoundError:
            self._versions.pop(name, None)
            return None
        self._versions[name] = found["metadata"]["resourceVersion"]
        return _read(found)

    async def save(self, name: str, value: JsonObject) -> None:
        """Keep a document; see `Store.save`."""
        text = orjson.dumps(value).decode()
        if len(text) > MAX_BYTES:
            raise InputError(f"document {name}", "", f"has {len(text)} bytes, more than {MAX_BYTES}")
        kept = await self._write(name, {_KEY: text})
        self._versions[name] = kept["metadata"]["resourceVersion"]

    async def _write(self, name: str, data: JsonObject) -> JsonObject:
        version = self._versions.get(name)
        if version is None:
            metadata = {"name": PREFIX + name, "namespace": self.namespace, "labels": _LABELS}
            body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
            return await self.api.post(path_of("configmaps", namespace=self.namespace), body)
        patch = {"metadata": {"resourceVersion": version}, "data": data}
        try:
            return await self.api.patch(self._path(name), patch, kind=PatchKind.MERGE)
        except NotFoundError as err:
            self._versions.pop(name)
            raise ConflictError(err.status, err.reason, f"document {name} has been deleted meanwhile") from err

    def _path(self, name: str) -> str:
        return path_of("configmaps", PREFIX + name, namespace=self.namespace)


def _read(found: JsonObject) -> JsonObject | None:
    """A document that somebody has damaged counts as none: the agent goes on with what it knows."""
    try:
        value = orjson.loads((found.get("data") or {}).get(_KEY) or b"null")
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None
