"""The real Kubernetes API, over HTTP with the pod's service account.

Spoken directly rather than through a generated client: importing one takes 66 MB of the agent's 128 MiB (measured with
kubernetes_asyncio 36), for models of objects that the agent keeps as plain JSON anyway.
"""

import socket
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import orjson
import structlog

from agent.backoff import Backoff
from agent.clock import Clock
from agent.kubernetes.api import NO_PARAMS, JsonObject, PatchKind
from agent.kubernetes.errors import Call, KubernetesError, UnavailableError, call_of, error_of, unreachable
from agent.settings import KubernetesAccess
from domain.errors import InputError

TRIES = 3
"""Calls for one request that may safely be repeated; what takes longer to heal is its caller's to wait for."""

LONGEST_WAIT_S = 10.0
"""Longest wait between two of them, also where the server asks for more."""

WATCH_S = 290
"""How long a watch lasts when all is well: the server ends it then, under the 5 minutes of common proxies."""

SILENCE_S = 75.0
"""A watch that says nothing for so long hangs, though its connection may stand: the server sends a bookmark each minute
(kube-apiserver watch cache, read 2026-11), and a node that AWS takes has two."""

TOKEN_FRESH_S = 60.0
"""How long a token that was read is used: Kubernetes puts a new one into the file well before the old one expires."""

_TIMEOUT = httpx.Timeout(30.0, connect=5.0)
_WATCH_TIMEOUT = httpx.Timeout(_TIMEOUT.write, connect=_TIMEOUT.connect, read=SILENCE_S)
_LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=30, keepalive_expiry=60.0)
_KEEPALIVE = {"TCP_KEEPIDLE": 15, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}
"""Seconds and tries after which a connection whose other end is gone counts as dead: a watch is silent for minutes."""

log = structlog.get_logger(__name__)

_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "spot-optimizer-agent"}


class HttpKubernetes:
    """`KubernetesApi` over HTTP. Use as an asynchronous context manager; keeps nothing but connections.

    Parameters
    ----------
    access
        Where the API server is.
    transport
        In place of the network; tests hand in one.
    """

    def __init__(
        self, access: KubernetesAccess, clock: Clock, *, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._clock = clock
        self._http = httpx.AsyncClient(
            base_url=access.url,
            auth=_FileToken(access.token_file, clock) if access.token_file else None,
            headers=_HEADERS,
            timeout=_TIMEOUT,
            transport=transport or _transport(access),
            trust_env=False,
        )

    async def __aenter__(self) -> "HttpKubernetes":
        """Open."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def get(self, path: str, *, params: Mapping[str, str] = NO_PARAMS) -> JsonObject:
        """One object or list."""
        return await self._call("GET", path, params=params)

    async def post(self, path: str, body: JsonObject, *, params: Mapping[str, str] = NO_PARAMS) -> JsonObject:
        """Create an object."""
        return await self._call("POST", path, params=params, content=_bytes_of(body), content_type="application/json")

    async def patch(
        self,
        path: str,
        body: JsonObject | Sequence[JsonObject],
        *,
        kind: PatchKind,
        params: Mapping[str, str] = NO_PARAMS,
    ) -> JsonObject:
        """Change an object."""
        return await self._call("PATCH", path, params=params, content=_bytes_of(body), content_type=kind.value)

    async def delete(self, path: str, *, body: JsonObject | None = None) -> JsonObject:
        """Delete an object."""
        content = _bytes_of(body) if body is not None else b""
        return await self._call("DELETE", path, content=content, content_type="application/json")

    async def watch(self, path: str, *, params: Mapping[str, str] = NO_PARAMS) -> AsyncGenerator[JsonObject, None]:
        """Watch events until the server ends the watch, or is silent for too long."""
        call = call_of("WATCH", path)
        query = {"watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": str(WATCH_S)} | dict(params)
        try:
            async with self._http.stream("GET", path, params=query, timeout=_WATCH_TIMEOUT) as response:
                if response.status_code != 200:
                    raise _error(response, await response.aread(), call)
                async for line in _lines(_until_silent(response, call)):
                    yield _event(line, call)
        except (httpx.HTTPError, OSError) as err:
            raise unreachable(call, _problem(err)) from err

    async def _call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] = NO_PARAMS,
        content: bytes = b"",
        content_type: str = "",
    ) -> JsonObject:
        """Ask, again while it may help and does no harm."""
        backoff = Backoff(first_s=0.5, longest_s=LONGEST_WAIT_S)
        headers = {"Content-Type": content_type} if content else {}
        request = self._http.build_request(method, path, params=dict(params), content=content or None, headers=headers)
        for left in reversed(range(TRIES)):
            try:
                return await self._once(request, call_of(method, path))
            except UnavailableError as err:
                if not left or not _repeatable(method, err):
                    raise
                await self._clock.sleep(min(backoff.next_s(at_least_s=err.retry_after_s), LONGEST_WAIT_S))
        raise AssertionError("the last try returns or raises")

    async def _once(self, request: httpx.Request, call: Call) -> JsonObject:
        try:
            response = await self._http.send(request)
        except (httpx.HTTPError, OSError) as err:
            raise unreachable(call, _problem(err)) from err
        if not response.is_success:
            raise _error(response, response.content, call)
        return _object(response.content, call)


class _FileToken(httpx.Auth):
    """Sends the token that lies in a file, read anew when it may have been replaced, or is not accepted any more."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._token = ""
        self._read_at = 0.0

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the header; once more where the server does not accept a token that has been replaced meanwhile."""
        sent = self._current()
        request.headers["Authorization"] = f"Bearer {sent}"
        response = yield request
        if response.status_code == httpx.codes.UNAUTHORIZED and (newest := self._read()) != sent:
            request.headers["Authorization"] = f"Bearer {newest}"
            yield request

    def _current(self) -> str:
        if not self._token or self._clock.monotonic() - self._read_at > TOKEN_FRESH_S:
            return self._read()
        return self._token

    def _read(self) -> str:
        self._token = "".join(self._path.read_text(encoding="utf-8").split())
        self._read_at = self._clock.monotonic()
        return self._token


def _transport(access: KubernetesAccess) -> httpx.AsyncHTTPTransport:
    options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    options += [
        (socket.IPPROTO_TCP, getattr(socket, name), value)
        for name, value in _KEEPALIVE.items()
        if hasattr(socket, name)  # not on every system
    ]
    return httpx.AsyncHTTPTransport(verify=_trust(access), limits=_LIMITS, socket_options=options, trust_env=False)


def _trust(access: KubernetesAccess) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=access.ca_file)
    except OSError as err:
        raise InputError("Kubernetes API", "KUBE_CA_FILE", f"{access.ca_file} cannot be read: {err}") from err


def _repeatable(method: str, err: UnavailableError) -> bool:
    """Reads always; anything else only where no connection came about, so that it was not done."""
    return method == "GET" or isinstance(err.__cause__, (httpx.ConnectError, httpx.ConnectTimeout))


async def _until_silent(response: httpx.Response, call: Call) -> AsyncIterator[bytes]:
    """What comes; silence is an end like any other, after which the next watch goes on from the last version seen."""
    try:
        async for chunk in response.aiter_bytes():
            yield chunk
    except httpx.ReadTimeout:
        log.info("a watch was silent and is opened anew", call=str(call), silent_s=SILENCE_S)


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Lines by line feeds alone: other separators may stand inside JSON texts."""
    rest = b""
    async for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            if line:
                yield line


def _event(line: bytes, call: Call) -> JsonObject:
    event = _object(line, call)
    if event.get("type") == "ERROR":
        status = event.get("object")
        code = status.get("code") if isinstance(status, dict) else None
        raise error_of(code if isinstance(code, int) else 500, status, call=call)
    return event


def _error(response: httpx.Response, content: bytes, call: Call) -> KubernetesError:
    header = response.headers.get("Retry-After", "")
    return error_of(
        response.status_code, _json(content), call=call, retry_after_s=float(header) if header.isdecimal() else None
    )


def _object(content: bytes, call: Call) -> JsonObject:
    value = _json(content)
    if not isinstance(value, dict):
        raise unreachable(call, "what answers there is no Kubernetes API")
    return value


def _json(content: bytes) -> Any:
    """The value, or the start of the text where it is none: a proxy's page, say."""
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return content[:200].decode("utf-8", "replace")


def _bytes_of(body: JsonObject | Sequence[JsonObject]) -> bytes:
    return orjson.dumps(body)


def _problem(err: Exception) -> str:
    return f"{type(err).__name__}: {err}" if str(err) else type(err).__name__
