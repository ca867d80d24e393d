"""``spotopt up`` as a user runs it: one start on free ports, everything killed once, and nothing left behind.

The tests of this file are one story about one platform, told in their order.
"""

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from serve.operations.processes import all_processes, of_session
from serve.operations.processes import process as process_of
from tests.running_platform import BACK_S, COMMAND_S, PLATFORM, SPOTOPT, Platform, eventually

DATABASES, DAEMON = ("PostgreSQL", "Redis"), "Ray node"


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    running = Platform(tmp_path_factory.mktemp("up") / "data")
    try:
        yield running
    finally:
        running.stop()


def killed(platform: Platform, *names: str) -> dict[str, int]:
    """Kill the processes of these parts; what they were."""
    pids = platform.pids()
    victims = {name: pid for name in names if (pid := pids[name])}
    assert set(victims) == set(names)
    for pid in victims.values():
        os.kill(pid, signal.SIGKILL)
    return victims


def test_it_starts_says_how_long_each_step_took_and_shows_the_password_once(platform: Platform) -> None:
    where = platform.await_ready()["where"]
    assert where["url"] == f"http://127.0.0.1:{platform.port}"
    assert platform.answers()
    took = {event["step"]: event["took_s"] for event in platform.events() if event["event"] == "done"}
    assert {"PostgreSQL", "Redis", "schema and seed data", "Ray", "Serve", "gateway", "actors"} <= took.keys()
    assert sum(event["event"] == "password" for event in platform.events()) == 1


def test_status_shows_every_part_with_its_process(platform: Platform) -> None:
    eventually(platform.is_well, BACK_S, platform.status)
    shown = platform.run("status", "--json")
    assert shown.returncode == 0
    parts = {part["name"]: part for part in json.loads(shown.stdout)["parts"]}
    assert {*DATABASES, DAEMON, PLATFORM, "Planner", "RiskRegistry", "ClusterHost-0", "Clock"} <= parts.keys()
    for name in (*DATABASES, DAEMON, PLATFORM, "Planner"):
        assert process_of(parts[name]["pid"]) is not None, name
    assert platform.status()["queues"]["events waiting"] == 0


def test_a_second_up_is_refused_with_the_holders_name(platform: Platform) -> None:
    second = platform.run("up")
    assert second.returncode == 2
    assert f"is held by process {platform.up.pid} on {socket.gethostname()}, since " in second.stderr


def test_a_taken_port_is_named_with_its_holder(platform: Platform, tmp_path: Path) -> None:
    other = subprocess.run(
        [*SPOTOPT, "up", "--data-dir", str(tmp_path / "other"), "--port", str(platform.port)],
        capture_output=True, text=True, env=platform.environment, timeout=COMMAND_S, check=False,
    )  # fmt: skip
    assert other.returncode == 2
    assert f"{platform.port} on 127.0.0.1 is taken by process " in other.stderr
    assert "haproxy" in other.stderr


def test_secrets_are_in_no_command_line_and_no_log(platform: Platform) -> None:
    event = platform.event("password")
    assert event is not None
    token = (platform.folder / "keys" / "ray").read_text()
    commands = "\n".join(found.command for found in all_processes())
    assert token not in commands
    assert len(platform.logs()) > 10
    for log in platform.logs():
        text = log.read_text(errors="replace")
        assert event["password"] not in text, log
        assert token not in text, log


def test_databases_that_are_killed_come_back_by_themselves(platform: Platform) -> None:
    before = killed(platform, *DATABASES)

    def back() -> bool:
        now = platform.pids()
        return all(now[name] not in (None, before[name]) for name in DATABASES) and platform.is_well()

    eventually(back, BACK_S, platform.status)
    restarts = {part["name"]: part["restarts"] for part in platform.status()["parts"]}
    assert [restarts[name] for name in DATABASES] == [1, 1]


@pytest.mark.parametrize("victim", [DAEMON, PLATFORM])
def test_ray_and_the_platform_process_come_back_when_killed_and_leave_no_orphan(
    platform: Platform, victim: str
) -> None:
    session = platform.pids()[PLATFORM]
    assert session
    killed(platform, victim)
    eventually(lambda: platform.pids()[PLATFORM] not in (None, session), BACK_S, platform.status)
    assert of_session(session) == ()
    eventually(platform.is_well, BACK_S, platform.status)


def test_down_stops_everything_and_leaves_no_process(platform: Platform) -> None:
    stopped = platform.run("down")
    assert (stopped.returncode, stopped.stderr) == (0, "")
    assert f"Stopped process {platform.up.pid}" in stopped.stdout
    assert platform.up.wait(timeout=COMMAND_S) == 0
    assert platform.left() == []
    assert platform.run("status").returncode == 3
    assert "Nothing to stop" in platform.run("down").stdout
