"""The platform under load and the way into it: started as a user starts it, its stores opened beside it."""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import ray

from actors import runtime
from actors.connect import services_of
from actors.services import Services
from adapters.clock import SystemClock
from adapters.embedded.postgres import EmbeddedPostgres
from adapters.embedded.redis import EmbeddedRedis
from adapters.settings import load_settings
from serve.operations.environment import TOKEN_FILE
from serve.operations.processes import of_session
from tests.running_platform import PLATFORM, Platform

LIMITS = {
    "SPOTOPT_ADDRESS_RATE_LIMIT": "10000000/minute",
    "SPOTOPT_AGENT_RATE_LIMIT": "100000/minute",
    "SPOTOPT_LOG_LEVEL": "WARNING",
}
"""All agents of the load share one address and send much more than real ones: limits are on, and wide."""


@contextmanager
def platform(given: Mapping[str, str] | None = None) -> Iterator[Platform]:
    """A platform that has started, in a folder that goes with it."""
    folder = Path(tempfile.mkdtemp(prefix="sp-"))
    running = Platform(folder / "data", {**LIMITS, **(given or {})})
    try:
        running.await_ready()
        yield running
    finally:
        running.stop()
        shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def inside(running: Platform) -> AsyncIterator[Services]:
    """Its database, bus and keys, for this process."""
    clock, folder = SystemClock(), running.data_folder
    stores = {
        "database_url": EmbeddedPostgres(folder, clock).dsn(),
        "redis_url": EmbeddedRedis(folder, clock).url,
        "data_dir": str(folder.path),
    }
    async with services_of(load_settings(stores)) as services:
        yield services


def rows(running: Platform, sql: str) -> list[tuple[Any, ...]]:
    """What its database holds."""
    with psycopg.connect(EmbeddedPostgres(running.data_folder, SystemClock()).dsn()) as connection:
        return connection.execute(sql.encode()).fetchall()


@contextmanager
def on_ray(running: Platform) -> Iterator[None]:
    """This process as a client of its Ray."""
    token = running.folder / "keys" / TOKEN_FILE
    os.environ.update(RAY_AUTH_TOKEN_PATH=str(token), RAY_USAGE_STATS_ENABLED="0")
    ray.init(address=_address(running), namespace=runtime.NAMESPACE, log_to_driver=False, logging_level="error")
    try:
        yield
    finally:
        ray.shutdown()


def _address(running: Platform) -> str:
    """Of its own head, as its daemons were told: Ray's "auto" may find that of another platform on this machine."""
    option, session = "--gcs-address=", running.pids()[PLATFORM]
    told = [word for found in of_session(session or 0) for word in found.command.split() if word.startswith(option)]
    return told[0].removeprefix(option)


def memory_mib(running: Platform) -> float:
    """Memory of all its processes, what they share counted once (proportional set size)."""
    session = running.pids()[PLATFORM]
    pids = {pid for pid in running.pids().values() if pid} | {running.up.pid}
    pids |= {found.pid for found in of_session(session)} if session else set()
    return sum(_pss_kib(pid) for pid in pids | _children_of(pids)) / 1024


def _children_of(pids: set[int]) -> set[int]:
    """PostgreSQL has a process for each connection."""
    parents = {int(path.name): _parent(path) for path in Path("/proc").iterdir() if path.name.isdigit()}
    found: set[int] = set()
    while more := {pid for pid, parent in parents.items() if parent in pids | found} - pids - found:
        found |= more
    return found


def _parent(process: Path) -> int:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _pss_kib(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
