"""Kubernetes objects of a live cluster, read through kubeconfig: the same as the kubectl command would print."""

import asyncio
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import yaml
from kubernetes_asyncio.client import ApiClient
from kubernetes_asyncio.config import ConfigException, new_client_from_config
from kubernetes_asyncio.config.kube_config import KUBE_CONFIG_DEFAULT_LOCATION, KubeConfigMerger

from adapters.kubernetes.fields import KubeObject
from adapters.kubernetes.prune import prune
from domain.errors import InputError, TransientError

_PATHS: Mapping[str, str] = {
    "nodes": "/api/v1",
    "pods": "/api/v1",
    "poddisruptionbudgets": "/apis/policy/v1",
    "deployments": "/apis/apps/v1",
    "replicasets": "/apis/apps/v1",
    "statefulsets": "/apis/apps/v1",
    "daemonsets": "/apis/apps/v1",
    "persistentvolumes": "/api/v1",
    "persistentvolumeclaims": "/api/v1",
}
"""What is listed, and the API version it is listed from."""

_GONE = 410
_TOO_MANY_REQUESTS = 429
_TEMPORARY = frozenset({408, _TOO_MANY_REQUESTS, 500, 502, 503, 504})

_MALFORMED = (ConfigException, yaml.YAMLError, TypeError, AttributeError, KeyError, AssertionError, ValueError, OSError)
"""What the client library raises for a kubeconfig that it cannot use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to try.

    Parameters
    ----------
    page_size
        Objects per answer; 500 is what kubectl asks for.
    timeout_s
        Longest time for one answer.
    tries
        Calls for one page, and listings begun for one kind when its continue token expires.
    first_wait_s, longest_wait_s
        Wait before the second try, doubled before each further one, up to the longest.
    """

    page_size: int = 500
    timeout_s: float = 60.0
    tries: int = 4
    first_wait_s: float = 0.5
    longest_wait_s: float = 8.0


DEFAULT_PATIENCE = Patience()


class _TokenExpiredError(Exception):
    """The server no longer knows the state that a listing began with."""


async def fetch_objects(
    context: str | None = None, kubeconfig: str | Path | None = None, *, patience: Patience = DEFAULT_PATIENCE
) -> list[KubeObject]:
    """List all that planning needs from a cluster.

    Parameters
    ----------
    context
        Context of the kubeconfig, its current one unless given.
    kubeconfig
        Path of the kubeconfig, ``$KUBECONFIG`` or ``~/.kube/config`` unless given.

    Raises
    ------
    InputError
        When there is no usable kubeconfig or context, or the server refuses (the message names what to grant).
    TransientError
        When the server cannot be reached or keeps failing.
    """
    client, name = await _connect(context, str(kubeconfig or KUBE_CONFIG_DEFAULT_LOCATION))
    async with client:
        lister = _Lister(client, name, patience=patience)
        pages = [await lister.all_of(resource) for resource in _PATHS]
    return [obj for page in pages for obj in page]


async def _connect(context: str | None, kubeconfig: str) -> tuple[ApiClient, str]:
    name = _context_name(context, kubeconfig)
    try:
        return await new_client_from_config(config_file=kubeconfig, context=name, persist_config=False), name
    except FileNotFoundError as err:
        raise InputError(f"context {name}", "user.exec.command", f"{err.filename} is not installed") from err
    except _MALFORMED as err:
        raise InputError(f"context {name}", "", f"cannot be used: {err}") from err


def _context_name(context: str | None, kubeconfig: str) -> str:
    if not any(Path(path).expanduser().is_file() for path in kubeconfig.split(os.pathsep) if path):
        raise InputError("kubeconfig", "", f"there is none at {kubeconfig}; name one with --kubeconfig or KUBECONFIG")
    try:
        config: Any = KubeConfigMerger(kubeconfig).config
        names = sorted(str(entry["name"]) for entry in config.value["contexts"])
        chosen = context or config.value.get("current-context")
    except _MALFORMED as err:
        raise InputError("kubeconfig", "", f"{kubeconfig} is malformed: {err}") from err
    if not chosen:
        raise InputError("kubeconfig", "current-context", f"is not set; name one of {', '.join(names)} with --context")
    if chosen not in names:
        raise InputError(f"context {chosen}", "", f"is not in {kubeconfig}, which has: {', '.join(names) or 'none'}")
    return str(chosen)


class _Lister:
    def __init__(self, client: ApiClient, context: str, *, patience: Patience) -> None:
        self._client: Any = client
        self._context = context
        self._patience = patience

    async def all_of(self, resource: str) -> list[KubeObject]:
        """All objects of a resource, from the start again when its continue token expires on the way."""
        for _ in range(self._patience.tries):
            try:
                return await self._listing(resource)
            except _TokenExpiredError:
                continue
        raise TransientError(f"{self._context}: listing {resource} takes longer than its continue token lasts")

    async def _listing(self, resource: str) -> list[KubeObject]:
        objects: list[KubeObject] = []
        token = ""
        while True:
            page = await self._page(resource, token)
            kind = str(page.get("kind", "")).removesuffix("List")
            head = {"apiVersion": page.get("apiVersion"), "kind": kind}
            objects.extend(prune(head | item) for item in page.get("items") or ())
            token = str((page.get("metadata") or {}).get("continue") or "")
            if not token:
                return objects

    async def _page(self, resource: str, token: str) -> KubeObject:
        """One page; waits and tries again while the failure may pass."""
        wait_s = self._patience.first_wait_s
        problem = ""
        for attempt in range(self._patience.tries):
            if attempt:
                await asyncio.sleep(wait_s)
                wait_s = min(2 * wait_s, self._patience.longest_wait_s)
            try:
                status, body = await self._get(resource, token)
            except aiohttp.ClientConnectorCertificateError as err:
                raise InputError(f"context {self._context}", "cluster", f"certificate not trusted: {err}") from err
            except (aiohttp.ClientError, ssl.SSLError, TimeoutError, OSError) as err:
                problem = str(err) or "no answer in time"
                continue
            if status not in _TEMPORARY:
                return self._checked(resource, status, body=body)
            problem = f"answers {status}: {_message(body)}"
        raise TransientError(f"{self._context}: the API server at {self._client.configuration.host} {problem}")

    async def _get(self, resource: str, token: str) -> tuple[int, bytes]:
        query = [("limit", str(self._patience.page_size))]
        response = await self._client.call_api(
            f"{_PATHS[resource]}/{resource}",
            "GET",
            query_params=query + ([("continue", token)] if token else []),
            header_params={"Accept": "application/json"},
            auth_settings=["BearerToken"],
            _preload_content=False,
            _request_timeout=self._patience.timeout_s,
        )
        async with response:
            return response.status, await response.read()

    def _checked(self, resource: str, status: int, *, body: bytes) -> KubeObject:
        where = f"context {self._context}"
        if status == _GONE:
            raise _TokenExpiredError
        if status == 401:
            raise InputError(where, "user", f"the API server does not accept its credentials: {_message(body)}")
        if status == 403:
            group = _PATHS[resource].removeprefix("/api").removeprefix("s").strip("/").rpartition("/")[0]
            grant = f"grant the verb list on {resource} (API group {group!r}) in all namespaces"
            raise InputError(where, f"list {resource}", f"denied; {grant}: {_message(body)}")
        page = _json(body)
        if status != 200 or not isinstance(page, dict) or not _all_objects(page.get("items")):
            raise InputError(where, f"list {resource}", f"the server answers {status}: {_message(body)}")
        return page


def _all_objects(items: object) -> bool:
    return items is None or (isinstance(items, list) and all(isinstance(item, dict) for item in items))


def _json(body: bytes) -> object:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _message(body: bytes) -> str:
    """What the server says: the message of a Status object, else the start of the text."""
    answer = _json(body)
    if isinstance(answer, dict) and isinstance(answer.get("message"), str):
        return str(answer["message"])
    return body[:200].decode("utf-8", "replace").strip() or "nothing"
