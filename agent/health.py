"""``/healthz``, ``/readyz`` and ``/metrics`` over HTTP, from a thread: they answer also when the agent's loop hangs."""

import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from socketserver import TCPServer, ThreadingMixIn
from typing import Any, cast
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app

from agent.clock import Clock
from domain.errors import InputError

STALE_S = 60.0
"""A loop that has not turned for as long hangs: Kubernetes is to start the agent anew."""

PULSE_S = 5.0
"""How often the loop shows that it turns."""

REQUEST_S = 5.0
"""Longest time for one request; whoever is slower is hung up on."""

MOST_AT_ONCE = 16
"""Requests answered side by side, each by a thread; who comes when all are busy is hung up on, whoever they are."""

StartResponse = Callable[[str, list[tuple[str, str]]], Any]


class Pulse:
    """Shows that the event loop turns."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._beat_at = clock.monotonic()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._beat_at = self._clock.monotonic()
            await self._clock.sleep(PULSE_S)

    def problems(self) -> list[str]:
        """Why the process should be started anew; nothing when all is well."""
        silent_s = self._clock.monotonic() - self._beat_at
        return [f"the event loop has not turned for {silent_s:.0f} s"] if silent_s > STALE_S else []


class HealthApp:
    """The WSGI application. Checks answer 200, or 503 with a line for each problem.

    Parameters
    ----------
    alive, ready
        Problems now. Called from other threads, so they only read.
    """

    def __init__(
        self, registry: CollectorRegistry, *, alive: Callable[[], list[str]], ready: Callable[[], list[str]]
    ) -> None:
        self._metrics = make_wsgi_app(registry)
        self._checks = {"/healthz": alive, "/readyz": ready}

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            return cast("Iterable[bytes]", self._metrics(environ, start_response))
        check = self._checks.get(path)
        if check is None:
            return _text(start_response, "404 Not Found", ["there are /healthz, /readyz and /metrics"])
        problems = check()
        return _text(start_response, "503 Service Unavailable" if problems else "200 OK", problems or ["ok"])


@contextmanager
def serving(app: HealthApp, port: int) -> Iterator[int]:
    """Serve while the block runs; the port, which is a free one where 0 was asked for.

    Raises
    ------
    InputError
        When the port cannot be listened on.
    """
    try:
        server = make_server("", port, cast("Any", app), server_class=_Server, handler_class=_Handler)
    except OSError as err:
        raise InputError("environment", "PORT", f"{port} cannot be listened on: {err.strerror}") from err
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.2}, name="health", daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    room = threading.BoundedSemaphore(MOST_AT_ONCE)
    address_family = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET

    def server_bind(self) -> None:
        """Take both IPv4 and IPv6, and ask no name server what this machine is called."""
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "spot-optimizer-agent", self.server_address[1]
        self.setup_environ()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread, if there is one to spare."""
        if self.room.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer, and make room."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.room.release()


class _Handler(WSGIRequestHandler):
    timeout = REQUEST_S

    def log_message(self, *_: object) -> None:
        """Probes come every few seconds and say nothing new."""


def _text(start_response: StartResponse, status: str, lines: list[str]) -> list[bytes]:
    body = "".join(f"{line}\n" for line in lines).encode()
    start_response(status, [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))])
    return [body]
