"""The agent as a process of its own, as its container runs it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import httpx

from tests.kube.client import Login
from tests.kube.service import CLUSTER, TOKEN

ROOT = Path(__file__).resolve().parents[2]
NONE: Mapping[str, str] = MappingProxyType({})
LIMIT_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentProcess:
    """A running agent: its process, where its health is, and what it has said."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def health(self, path: str) -> int:
        """Status of ``/healthz`` or ``/readyz``; 0 while nobody answers."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}{path}", timeout=5.0, trust_env=False).status_code
        except httpx.TransportError:
            return 0

    def wait(self, reached: Callable[[], object], *, limit_s: float = LIMIT_S) -> None:
        """Until a state is reached, while the agent lives."""
        end = time.monotonic() + limit_s
        while not reached():
            assert self.process.poll() is None, f"the agent ended with {self.process.returncode}: {self.said()}"
            assert time.monotonic() < end, f"not within {limit_s:.0f} s: {self.said()}"
            time.sleep(0.05)

    def said(self) -> str:
        """The end of its log."""
        return self.log.read_text(encoding="utf-8")[-4000:]

    def kill(self) -> None:
        """End it without asking."""
        self.process.kill()
        self.process.wait(LIMIT_S)


@contextmanager
def running(
    login: Login, folder: Path, *, namespace: str, service: str, name: str = "agent-0", more: Mapping[str, str] = NONE
) -> Iterator[AgentProcess]:
    """An agent that is logged in as its service account and reports to a service."""
    token, log, port = folder / f"{name}.token", folder / f"{name}.log", free_port()
    token.write_text(login.token)
    environment = {
        "PATH": os.environ["PATH"],
        "API_URL": service,
        "CLUSTER_ID": CLUSTER,
        "API_TOKEN": TOKEN,
        "NAMESPACE": namespace,
        "POD_NAME": name,
        "PORT": str(port),
        "KUBE_API_URL": login.url,
        "KUBE_TOKEN_FILE": str(token),
        "KUBE_CA_FILE": str(login.ca),
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "agent"], cwd=ROOT, env=environment | dict(more), stdout=output, stderr=output
        )
    try:
        yield AgentProcess(process=process, port=port, log=log)
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask it to end, and end it when it does not."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(LIMIT_S)


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]
