"""What Kubernetes and Prometheus are told."""

from collections.abc import Callable

from adapters.clock import VirtualClock
from agent.health import STALE_S, HealthApp, Pulse
from agent.telemetry import CpuMeter, Telemetry, memory_bytes


def asked(app: HealthApp, path: str) -> tuple[str, str]:
    told: list[str] = []

    def start(status: str, _headers: list[tuple[str, str]], *_: object) -> Callable[[bytes], object]:
        told.append(status)
        return lambda _data: None

    environ = {"PATH_INFO": path, "REQUEST_METHOD": "GET", "QUERY_STRING": ""}
    body = b"".join(app(environ, start)).decode()
    return told[0], body


def make(problems: list[str]) -> HealthApp:
    return HealthApp(Telemetry().registry, alive=list, ready=lambda: problems)


def test_checks_answer_and_say_why_not() -> None:
    app = make(["not registered with the service yet"])
    assert asked(app, "/healthz") == ("200 OK", "ok\n")
    assert asked(app, "/readyz") == ("503 Service Unavailable", "not registered with the service yet\n")
    assert asked(app, "/")[0] == "404 Not Found"


def test_metrics_are_shown() -> None:
    status, body = asked(make([]), "/metrics")
    assert status == "200 OK"
    assert "spotopt_agent_leading" in body
    assert "spotopt_agent_memory_bytes" in body


async def test_a_loop_that_hangs_is_noticed() -> None:
    clock = VirtualClock()
    pulse = Pulse(clock)
    assert pulse.problems() == []
    await clock.advance(STALE_S + 1)
    assert pulse.problems() == ["the event loop has not turned for 61 s"]


def test_the_process_measures_itself() -> None:
    assert 1 << 20 < memory_bytes() < 1 << 34
    assert 0 <= CpuMeter().mcpu() < 100_000
