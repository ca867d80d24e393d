"""Health and figures over real sockets: nobody who merely connects takes the agent's memory."""

import socket
import time
from contextlib import ExitStack

import httpx

from agent.health import MOST_AT_ONCE, HealthApp, serving
from agent.telemetry import Telemetry

LIMIT_S = 10.0


def test_who_comes_when_all_threads_are_busy_is_hung_up_on_and_the_next_is_answered() -> None:
    app = HealthApp(Telemetry().registry, alive=list, ready=list)
    with serving(app, 0) as port:
        url = f"http://127.0.0.1:{port}/healthz"
        with ExitStack() as idle:
            for _ in range(MOST_AT_ONCE):
                idle.enter_context(socket.create_connection(("127.0.0.1", port), LIMIT_S))
            with socket.create_connection(("127.0.0.1", port), LIMIT_S) as late:
                assert late.recv(1) == b""
        with httpx.Client(transport=httpx.HTTPTransport(retries=0), trust_env=False) as client:
            assert answered(client, url) == "ok\n"


def answered(client: httpx.Client, url: str) -> str:
    """What is answered once the threads have noticed that those who held them have gone."""
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        try:
            return client.get(url, timeout=LIMIT_S).text
        except httpx.TransportError:
            continue
    raise AssertionError("nobody answers")
