"""The agent in a large cluster: memory, processor time, its first snapshot, and how soon a command is begun."""

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.benchmarks.agent.server import CLUSTER, TOKEN
from tests.benchmarks.data import ROOT
from tests.benchmarks.harness import Benchmark, Row, at_most, register, reported

NODES, PODS = 200, 5_000
CHANGES_PER_S = 5.0
"""Pods that change: 5 000 pods that live for a quarter of an hour each, three changes a life, would give as many."""

STEADY_S = 120.0
COMMANDS = 200
MEMORY_BAR_MIB, CPU_BAR_PERCENT, SNAPSHOT_BAR_S, COMMAND_BAR_MS = 128.0, 5.0, 10.0, 150.0
DEADLINE_S = 60.0


def _large_cluster(series: dict[str, Any]) -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="spotopt-bench-") as folder, _server(Path(folder)) as url:
        started_at = time.monotonic()
        with _agent(url) as process:
            figures = _until(url, lambda found: found["first_full_at"] and found["connected"])
            yield at_most("agent/first snapshot", figures["first_full_at"] - started_at, "s", bar=SNAPSHOT_BAR_S)
            yield reported("agent/processor until then", _cpu_s(process.pid), "s")
            cpu_percent = _cpu_percent(process.pid)
            yield at_most("agent/processor, steady", cpu_percent, "% of a core", bar=CPU_BAR_PERCENT)
            waits_ms = _command_waits_ms(url)
            p99 = statistics.quantiles(waits_ms, n=100)[98]
            yield at_most("agent/command to eviction call p99", p99, "ms", bar=COMMAND_BAR_MS)
            yield reported("agent/command to eviction call, median", statistics.median(waits_ms), "ms")
            yield at_most("agent/memory, largest", _memory_mib(process.pid, "VmHWM"), "MiB", bar=MEMORY_BAR_MIB)
            yield reported("agent/memory, at the end", _memory_mib(process.pid, "VmRSS"), "MiB")
            bodies = _figures(url)["bodies"]
            yield reported("agent/first body", bodies[0]["bytes"] / 2**20, "MiB")
            deltas = [body["bytes"] / 2**10 for body in bodies if body["mode"] == "delta"]
            yield reported("agent/further bodies, mean", statistics.mean(deltas), "KiB")
            series["waits_ms"] = waits_ms


def _command_waits_ms(url: str) -> list[float]:
    for number in range(COMMANDS):
        httpx.get(f"{url}/command/{number}").raise_for_status()
        _until(url, lambda found, told=number + 1: len(found["eviction_waits_s"]) == told)
    return [1000 * wait_s for wait_s in _figures(url)["eviction_waits_s"]]


def _until(url: str, check: Any) -> dict[str, Any]:
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        found = _figures(url)
        if check(found):
            return found
        time.sleep(0.02)
    raise TimeoutError(f"after {DEADLINE_S:.0f} s: {_figures(url)}")


def _figures(url: str) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{url}/figures", timeout=20).json()
    return found


@contextmanager
def _server(folder: Path) -> Iterator[str]:
    file = folder / "port"
    arguments = [str(file), str(NODES), str(PODS), str(CHANGES_PER_S)]
    command = [sys.executable, "-m", "tests.benchmarks.agent.server", *arguments]
    with _process(command, {}):
        deadline = time.monotonic() + DEADLINE_S
        while not (file.exists() and file.read_text()):
            if time.monotonic() > deadline:
                raise TimeoutError("the server does not start")
            time.sleep(0.05)
        yield f"http://127.0.0.1:{file.read_text()}"


@contextmanager
def _agent(url: str) -> Iterator["subprocess.Popen[bytes]"]:
    environment = {
        "API_URL": url,
        "KUBE_API_URL": url,
        "CLUSTER_ID": CLUSTER,
        "API_TOKEN": TOKEN,
        "NAMESPACE": "spot-optimizer",
        "POD_NAME": "agent-0",
        "PORT": "0",
        "LOG_LEVEL": "warning",
    }
    with _process([sys.executable, "-m", "agent"], environment) as process:
        yield process


@contextmanager
def _process(command: list[str], environment: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | environment)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _cpu_percent(pid: int) -> float:
    """Share of a core over a while in which nothing special happens."""
    time.sleep(10)  # the first snapshot is over
    before_s, at_s = _cpu_s(pid), time.monotonic()
    time.sleep(STEADY_S)
    return 100 * (_cpu_s(pid) - before_s) / (time.monotonic() - at_s)


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory_mib(pid: int, name: str) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024


register(Benchmark(name="agent", run=_large_cluster, limit_s=600))
