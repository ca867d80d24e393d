"""The port through which everything of the agent speaks with the Kubernetes API, and the paths it speaks of.

Objects are plain JSON. Each call ends within its time, with an answer or with one of `agent.kubernetes.errors`.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Protocol
from urllib.parse import quote

JsonObject = dict[str, Any]

NO_PARAMS: Mapping[str, str] = MappingProxyType({})


class PatchKind(StrEnum):
    """How a patch is merged, by the content type that says so."""

    MERGE = "application/merge-patch+json"
    STRATEGIC = "application/strategic-merge-patch+json"
    APPLY = "application/apply-patch+yaml"
    """Server-side apply; needs the parameter ``fieldManager``."""


class KubernetesApi(Protocol):
    """The Kubernetes API. Paths begin with ``/api`` or ``/apis``; `path_of` makes them.

    All methods raise `agent.kubernetes.errors.KubernetesError`: its `UnavailableError` may be tried again, of the
    others only the caller knows what follows. Calls that may safely be repeated (``get``, and ``patch`` and ``delete``
    that never reached the server) have been tried again already.
    """

    async def get(self, path: str, *, params: Mapping[str, str] = NO_PARAMS) -> JsonObject:
        """One object or list."""

    async def post(self, path: str, body: JsonObject, *, params: Mapping[str, str] = NO_PARAMS) -> JsonObject:
        """Create an object, or a subresource such as an eviction."""

    async def patch(
        self,
        path: str,
        body: JsonObject | Sequence[JsonObject],
        *,
        kind: PatchKind,
        params: Mapping[str, str] = NO_PARAMS,
    ) -> JsonObject:
        """Change an object; the answer is the object as it is then."""

    async def delete(self, path: str, *, body: JsonObject | None = None) -> JsonObject:
        """Delete an object. ``body`` are its ``DeleteOptions``."""

    def watch(self, path: str, *, params: Mapping[str, str] = NO_PARAMS) -> AsyncGenerator[JsonObject, None]:
        """Watch events as they come (``type`` and ``object``), until the server ends the watch.

        ``resourceVersion`` says from where. An event of type ERROR is raised as the error that it carries, so that one
        too old a version is a `GoneError`.
        """


def path_of(plural: str, name: str = "", *, group: str = "", version: str = "v1", namespace: str = "") -> str:
    """Path of a list or, with a name, of an object.

    Parameters
    ----------
    plural
        ``"pods"``; with a subresource behind it, give that to the name: ``path_of("pods", "a/eviction", ...)``.
    group
        Empty for the core group.
    """
    root = f"/apis/{group}/{version}" if group else f"/api/{version}"
    inside = f"/namespaces/{quote(namespace, safe='')}" if namespace else ""
    return f"{root}{inside}/{plural}" + (f"/{quote(name, safe='/')}" if name else "")
