"""The outermost layers of the application, as plain ASGI: each costs a few microseconds of a request."""

import logging
import time
from collections.abc import Awaitable, Callable

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adapters.redis.ports import Verdict
from domain.errors import TransientError
from domain.wire.protocol import PROTOCOL_HEADER
from serve.gateway.addresses import ProxyTrust
from serve.gateway.problems import ProblemError, problem_response, to_problem
from serve.gateway.requests import KEY, REQUEST_ID_HEADER, RequestInfo, given_request_id, info_of

_logger = structlog.stdlib.get_logger("serve.access")

STRICT_CSP = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
"""Answers of an API load nothing; the documentation page brings its own policy."""
HSTS = "max-age=31536000; includeSubDomains"
WEBSOCKET_REFUSED = 1008
PROTOCOL_NAME = PROTOCOL_HEADER.lower().encode()

Check = Callable[[Scope], Awaitable[None]]


class Outermost:
    """Gives each request an id, catches what nobody foresaw, writes the log line and the security headers.

    Parameters
    ----------
    https
        Whether browsers reach us by HTTPS, and may be told to stay there.
    count
        Counts answers by status, for the health page.
    """

    def __init__(self, app: ASGIApp, *, trust: ProxyTrust, https: bool, count: Callable[[int], None]) -> None:
        self._app = app
        self._trust = trust
        self._count = count
        self._headers = [
            (b"x-content-type-options", b"nosniff"),
            (b"x-frame-options", b"DENY"),
            (b"referrer-policy", b"no-referrer"),
            (b"cross-origin-resource-policy", b"same-origin"),
            *([(b"strict-transport-security", HSTS.encode())] if https else []),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        info = self._received(scope)
        if scope["type"] == "http":
            await self._http(scope, receive, send, info)
        else:
            await self._app(scope, receive, send)

    def _received(self, scope: Scope) -> RequestInfo:
        headers = Headers(scope=scope)
        client = scope.get("client")
        address = self._trust.client(client[0] if client else "", headers.get("x-forwarded-for", ""))
        info = RequestInfo(
            id=given_request_id(headers.get(REQUEST_ID_HEADER, "")),
            address=address,
            counted_as=self._trust.counted(address),
        )
        scope[KEY] = info
        return info

    async def _http(self, scope: Scope, receive: Receive, send: Send, info: RequestInfo) -> None:
        began_s = time.perf_counter()
        status = 0

        async def told(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self._add_headers(message, info)
            await send(message)

        try:
            await self._app(scope, receive, told)
        except Exception as err:
            if status:
                raise
            await _failed(scope, receive, told, err)
        finally:
            self._count(status)
            if not info.quiet or status >= 400:
                _write(scope, info, status, (time.perf_counter() - began_s) * 1_000)

    def _add_headers(self, message: Message, info: RequestInfo) -> None:
        headers = message["headers"] = [*message["headers"], *self._headers]
        headers.append((b"x-request-id", info.id.encode()))
        known = {name for name, _ in headers}
        if b"content-security-policy" not in known:
            headers.append((b"content-security-policy", STRICT_CSP.encode()))
        if b"cache-control" not in known:
            headers.append((b"cache-control", b"no-store"))
        if info.protocol:
            headers.append((PROTOCOL_NAME, str(info.protocol).encode()))
        if info.verdict is not None:
            headers.extend(limit_headers(info.verdict))


class Doorkeeper:
    """Lets a request in when its address is within its limit. Inside the outermost layer, so that refusals are told."""

    def __init__(self, app: ASGIApp, *, check: Check) -> None:
        self._app = app
        self._check = check

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        try:
            await self._check(scope)
        except (ProblemError, TransientError) as err:
            if scope["type"] == "websocket":
                await refuse_socket(scope, send, to_problem(err))
            else:
                await _failed(scope, receive, send, err)
            return
        await self._app(scope, receive, send)


async def refuse_socket(scope: Scope, send: Send, problem: ProblemError) -> None:
    """Answer the handshake of a WebSocket with an error: as HTTP where the server can, else by closing."""
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": WEBSOCKET_REFUSED, "reason": str(problem.detail)[:120]})
        return
    response = problem_response(problem, request_id=info_of(scope).id, path=scope["path"])
    headers = MutableHeaders(raw=list(response.raw_headers))
    start = {"type": "websocket.http.response.start", "status": problem.status_code, "headers": headers.raw}
    await send(start)
    await send({"type": "websocket.http.response.body", "body": response.body})


def limit_headers(verdict: Verdict) -> list[tuple[bytes, bytes]]:
    """How much of a limit is left."""
    return [
        (b"ratelimit-limit", str(verdict.limit).encode()),
        (b"ratelimit-remaining", str(verdict.remaining).encode()),
        (b"ratelimit-reset", str(int(verdict.resets_in_s) + 1).encode()),
    ]


async def _failed(scope: Scope, receive: Receive, send: Send, error: Exception) -> None:
    problem = to_problem(error)
    if problem.status_code >= 500 and not isinstance(error, TransientError):
        logging.getLogger(__name__).error("request %s failed", info_of(scope).id, exc_info=error)
    await problem_response(problem, request_id=info_of(scope).id, path=scope["path"])(scope, receive, send)


def _write(scope: Scope, info: RequestInfo, status: int, took_ms: float) -> None:
    route = scope.get("route")
    level = logging.ERROR if status >= 500 else logging.WARNING if status == 429 else logging.INFO
    _logger.log(
        level,
        "request",
        request_id=info.id,
        method=scope["method"],
        route=getattr(route, "path", "") or "(none)",
        status=status,
        ms=round(took_ms, 1),
        actor=info.actor,
        address=info.address,
    )
