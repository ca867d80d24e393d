"""What the platform process finds in its environment: settings, secrets among them, and how Ray is to be set up.

Everything is handed over here: a command line can be read by every user of a machine.
"""

import hashlib
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from adapters.embedded.folder import DataFolder, private_folder
from adapters.settings import Settings
from serve.operations.ports import free_port

TOKEN_FILE = "ray"  # noqa: S105  # the name of a file
"""In ``data_dir/keys``: opens the Ray dashboard and lets processes join."""
LONGEST_RAY_FOLDER = 34
"""Bytes. HAProxy's socket lies in a folder named by the 56 letters of the node and is made under a temporary name; the
whole may have 104 to 108, which depends on the system."""
RAY_INNER = "r"
HAPROXY_METRICS_PORT, HAPROXY_STATS_PORT = 9101, 8404
FALLBACK_PORT = 8500
"""Ray's own; the next free ones are taken. HAProxy sends to the fallback while no replica of ours is there: on a port
that another platform of this machine has, requests would reach that one."""
DRAIN_S = 2
"""How long a gateway replica that ends goes on serving. HAProxy takes it off its list within half a second."""
HAPROXY_THREADS = 2
"""Of HAProxy; one serves some 30 000 requests/s."""

RESOLVED = frozenset({"SPOTOPT_DATABASE_URL", "SPOTOPT_REDIS_URL", "SPOTOPT_RAY_ADDRESS", "RAY_ADDRESS"})
"""Other names of what the supervisor has settled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RayPlan:
    """Where a Ray of our own lives on this machine."""

    folder: Path
    token_file: Path
    dashboard_port: int
    metrics_port: int
    stats_port: int
    fallback_port: int


def plan_ray(folder: DataFolder, settings: Settings) -> RayPlan:
    """Choose ports and folders for a local Ray, and make its token on the first start."""
    return RayPlan(
        folder=ray_folder(folder),
        token_file=_token_file(folder),
        dashboard_port=free_port("127.0.0.1", settings.dashboard_port),
        metrics_port=free_port("", HAPROXY_METRICS_PORT),
        stats_port=free_port("", HAPROXY_STATS_PORT),
        fallback_port=free_port("127.0.0.1", FALLBACK_PORT),
    )


def ray_folder(folder: DataFolder) -> Path:
    """Where Ray and HAProxy keep sockets and logs: in the data folder where the path is short enough.

    Ray opens its folder to everybody, and HAProxy the socket that commands it: so it lies in one of our own.
    """
    inside = folder.path / "ray"
    if len(os.fsencode(inside / RAY_INNER)) <= LONGEST_RAY_FOLDER:
        return _made(private_folder(inside) / RAY_INNER)
    digest = hashlib.sha256(os.fsencode(inside)).hexdigest()[:12]
    # Not tempfile's folder: that is itself a long path on some systems.
    return _made(private_folder(Path("/tmp") / f"spotopt-{os.geteuid()}-{digest}") / RAY_INNER)  # noqa: S108


def _made(path: Path) -> Path:
    path.mkdir(exist_ok=True)
    return path


def platform_environment(
    settings: Settings, base: Mapping[str, str], *, database_url: str, redis_url: str, ray: RayPlan | None
) -> dict[str, str]:
    """The environment of the platform process.

    Parameters
    ----------
    settings
        As read by the supervisor; those given on its command line are handed on.
    base
        The supervisor's own.
    ray
        ``None`` where a running Ray is joined.
    """
    given = {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "SPOTOPT_DATA_DIR": str(settings.data_dir),
        "SPOTOPT_HOST": settings.host,
        "SPOTOPT_PORT": str(settings.port),
        # Ray's other proxy is written in Python and serves a tenth; somebody may still want it.
        "RAY_SERVE_ENABLE_HA_PROXY": base.get("RAY_SERVE_ENABLE_HA_PROXY", "1"),
        "RAY_USAGE_STATS_ENABLED": "0",
        # Ray would run everything but its own daemons at niceness 15; ours steps back by itself where it should.
        "RAY_worker_niceness": "0",
        "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
        "PYTHONUNBUFFERED": "1",
    }
    kept = {name: text for name, text in base.items() if name not in RESOLVED}
    if ray is None:
        return kept | given | {"RAY_ADDRESS": settings.ray_address}
    return kept | given | _of_local_ray(ray)


def _of_local_ray(ray: RayPlan) -> dict[str, str]:
    return {
        "SPOTOPT_DASHBOARD_PORT": str(ray.dashboard_port),
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(ray.token_file),
        "RAY_TMPDIR": str(ray.folder),
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(ray.folder / "haproxy.cfg"),
        "RAY_SERVE_HAPROXY_SOCKET_PATH": str(ray.folder / "a"),
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": str(ray.folder / "m"),
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(ray.folder),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(ray.folder / "server-state"),
        "RAY_SERVE_HAPROXY_METRICS_PORT": str(ray.metrics_port),
        "RAY_SERVE_HAPROXY_STATS_PORT": str(ray.stats_port),
        "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(ray.fallback_port),
        "RAY_SERVE_HAPROXY_NBTHREAD": str(HAPROXY_THREADS),
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": str(DRAIN_S),
    }


def _token_file(folder: DataFolder) -> Path:
    file = folder.subfolder("keys") / TOKEN_FILE
    if not file.exists():
        aside = file.with_suffix(".new")
        aside.unlink(missing_ok=True)
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(secrets.token_hex(32))
        aside.replace(file)
    return file
