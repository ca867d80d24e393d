"""``spotopt up`` as a user runs it, in a process and a folder of its own: for tests and benchmarks."""

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
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from adapters.embedded.folder import DataFolder
from serve.operations.control import ask
from serve.operations.environment import ray_folder
from serve.operations.processes import all_processes, of_session

SPOTOPT = (sys.executable, "-m", "serve.cli.main")
START_S, BACK_S, COMMAND_S = 180.0, 180.0, 120.0
"""Deadlines on a busy machine; a quiet one needs a sixth of them."""
POLL_S = 0.2
PLATFORM = "platform process"
"""The part that holds all processes of Ray in its session."""
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
    """A platform in a folder of its own. ``given`` are settings by the names of their variables."""

    def __init__(self, folder: Path, given: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.port = free_port()
        self.ray = ray_folder(DataFolder(folder))
        self.output = folder.with_name("up.jsonl")
        self.environment = {name: text for name, text in os.environ.items() if not CLOUD_VARIABLES.match(name)}
        self.environment |= given or {}
        self.sessions: set[int] = set()
        options = ["--data-dir", str(folder), "--port", str(self.port), "--dashboard-port", str(free_port()), "--json"]
        with self.output.open("w") as out:
            self.up = subprocess.Popen(
                [*SPOTOPT, "up", *options], stdout=out, stderr=subprocess.STDOUT, env=self.environment
            )

    @property
    def data_folder(self) -> DataFolder:
        """Its folder, for a look."""
        return DataFolder(self.folder)

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

    def await_ready(self) -> dict[str, Any]:
        """What it says when it has started."""

        def ready() -> dict[str, Any] | None:
            assert self.up.poll() is None, self.output.read_text()
            return self.event("ready")

        found: dict[str, Any] = eventually(ready, START_S, self.output.read_text)
        return found

    def stop(self) -> None:
        """Stop it whatever its state, and remove what it leaves outside its folder."""
        if self.up.poll() is None:
            self.up.send_signal(signal.SIGTERM)
            self.up.send_signal(signal.SIGINT)
            self.up.wait(timeout=COMMAND_S)
        self.run("down")
        shutil.rmtree(self.ray.parent)
