"""``spotopt up`` as a user runs it: one start on free ports, everything killed once, and nothing left behind.

The tests of this file are one story about one platform, told in their order.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.embedded.folder import DataFolder
from serve.operations.control import ask
from serve.operations.environment import ray_folder
from serve.operations.processes import all_processes, of_session
from serve.operations.processes import process as process_of

SPOTOPT = (sys.executable, "-m", "serve.cli.main")
START_S, BACK_S, COMMAND_S = 180.0, 180.0, 120.0
"""Deadlines on a busy machine; a quiet one needs a sixth of them."""
POLL_S = 0.2
DATABASES, DAEMON, PLATFORM = ("PostgreSQL", "Redis"), "Ray node", "platform process"
CLOUD_VARIABLES = re.compile("^(SPOTOPT_|RAY_|DATABASE_URL|REDIS_URL)")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(condition: Callable[[], Any], within_s: float, what: Callable[[], object]) -> Any:
    deadline = time.monotonic() + within_s
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {within_s} s: {what()}"
        time.sleep(POLL_S)
    return found


class Platform:
    """A platform in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.ray = ray_folder(DataFolder(folder))
        self.output = folder.with_name("up.jsonl")
        self.environment = {name: text for name, text in os.environ.items() if not CLOUD_VARIABLES.match(name)}
        self.sessions: set[int] = set()
        options = ["--data-dir", str(folder), "--port", str(self.port), "--dashboard-port", str(free_port()), "--json"]
        with self.output.open("w") as out:
            self.up = subprocess.Popen(
                [*SPOTOPT, "up", *options], stdout=out, stderr=subprocess.STDOUT, env=self.environment
            )

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [*SPOTOPT, *arguments, "--data-dir", str(self.folder)]
        return subprocess.run(
            command, capture_output=True, text=True, env=self.environment, timeout=COMMAND_S, check=False
        )

    def events(self) -> list[dict[str, Any]]:
        lines = self.output.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]

    def event(self, kind: str) -> dict[str, Any] | None:
        return next((event for event in self.events() if event["event"] == kind), None)

    def status(self) -> dict[str, Any]:
        """What `spotopt status` asks, without the cost of a process for each look."""
        answer = ask(DataFolder(self.folder)) or {"state": "down", "parts": []}
        self.sessions |= {part["pid"] for part in answer.get("parts", []) if part["name"] == PLATFORM and part["pid"]}
        return answer

    def pids(self) -> dict[str, int | None]:
        return {part["name"]: part["pid"] for part in self.status()["parts"]}

    def logs(self) -> list[Path]:
        folders = (self.folder / "logs", self.ray)
        return [path for folder in folders for path in folder.rglob("*") if path.is_file() and path.suffix != ".sock"]

    def is_well(self) -> bool:
        return self.status()["state"] == "ready" and self.answers()

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/healthz", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def left(self) -> list[str]:
        """Processes of this platform that live: by their session, or by the folder in their command line."""
        by_session = [found for session in self.sessions for found in of_session(session)]
        by_folder = [found for found in all_processes() if str(self.folder) in found.command]
        return [f"{found.pid} {found.command}" for found in (*by_session, *by_folder)]


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    running = Platform(tmp_path_factory.mktemp("up") / "data")
    try:
        yield running
    finally:
        if running.up.poll() is None:
            running.up.send_signal(signal.SIGTERM)
            running.up.send_signal(signal.SIGINT)
            running.up.wait(timeout=COMMAND_S)
        running.run("down")
        shutil.rmtree(running.ray.parent)


def killed(platform: Platform, *names: str) -> dict[str, int]:
    """Kill the processes of these parts; what they were."""
    pids = platform.pids()
    victims = {name: pid for name in names if (pid := pids[name])}
    assert set(victims) == set(names)
    for pid in victims.values():
        os.kill(pid, signal.SIGKILL)
    return victims


def test_it_starts_says_how_long_each_step_took_and_shows_the_password_once(platform: Platform) -> None:
    def ready() -> Any:
        assert platform.up.poll() is None, platform.output.read_text()
        return platform.event("ready")

    where = eventually(ready, START_S, platform.output.read_text)["where"]
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
