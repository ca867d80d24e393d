"""Ray and Serve as the platform process starts and stops them."""

import contextlib
import http.client
import os
import shutil
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

import ray

from actors import runtime
from adapters.settings import Settings
from domain.errors import TransientError
from domain.units import MIB
from serve.operations.application import Application

OBJECT_STORE_BYTES = 512 * MIB
"""Shared memory for snapshots and plans on their way between processes; those of 500 pods take some 2 MB."""
SMALLEST_OBJECT_STORE_BYTES = 80 * MIB
"""Ray's own least, with a margin."""
SHARE_OF_SHM = 0.5
SESSIONS_KEPT = 3
"""Folders of logs of earlier starts that stay."""
PROBE_S = 2.0
PROBE_POLL_S = 0.1
LOOPBACK = "127.0.0.1"


def load_serve_aside() -> threading.Thread:
    """Begin to import Ray Serve, which takes 2 s, while others are waited for."""
    thread = threading.Thread(target=__import__, args=("ray.serve",), name="import ray.serve", daemon=True)
    thread.start()
    return thread


def start_ray(settings: Settings) -> str:
    """Start a local Ray, or join the one of the settings; says where its dashboard is, empty when unknown.

    A local one uses loopback, so that a change of the machine's address does not end it, and ends with this process.
    """
    common: dict[str, Any] = {
        "namespace": runtime.NAMESPACE,
        "log_to_driver": False,
        "logging_level": "warning",
        "configure_logging": True,
    }
    if settings.ray_address:
        context = ray.init(address=settings.ray_address, **common)
        return str(context.dashboard_url or "")
    folder = Path(os.environ["RAY_TMPDIR"])
    prune_sessions(folder)
    context = ray.init(
        address="local",
        include_dashboard=True,
        dashboard_host=LOOPBACK,
        dashboard_port=settings.dashboard_port,
        object_store_memory=object_store_bytes(),
        num_cpus=max(os.cpu_count() or 1, settings.solver_slots),
        _node_ip_address=LOOPBACK,
        _temp_dir=str(folder),
        **common,
    )
    return str(context.dashboard_url or "")


def object_store_bytes() -> int:
    """What the object store may take: half of the shared memory where that is small, as it is in containers."""
    try:
        shared = shutil.disk_usage("/dev/shm").free  # noqa: S108  # where Ray puts it on Linux
    except OSError:
        return OBJECT_STORE_BYTES
    return max(SMALLEST_OBJECT_STORE_BYTES, min(OBJECT_STORE_BYTES, int(shared * SHARE_OF_SHM)))


def prune_sessions(folder: Path) -> None:
    """Delete folders of earlier starts, save the youngest ones."""
    old = sorted((path for path in folder.glob("session_2*") if path.is_dir()), key=lambda path: path.stat().st_mtime)
    for path in old[: -SESSIONS_KEPT or None]:
        shutil.rmtree(path, ignore_errors=True)


def start_serve(settings: Settings) -> None:
    """Bring up Serve's controller and its proxies, which listen on the port of the settings."""
    from ray import serve as ray_serve

    ray_serve.start(
        proxy_location="HeadOnly" if not settings.ray_address else "EveryNode",
        http_options={"host": settings.host, "port": settings.port},
    )


def deploy(application: Application, settings: Settings) -> None:
    """Deploy the application; comes back before it serves."""
    from ray import serve as ray_serve

    target = ray_serve.RunTarget(
        target=application.build(settings), name=application.name, route_prefix=application.route_prefix
    )
    ray_serve.run_many([target], wait_for_ingress_deployment_creation=False, wait_for_applications_running=False)


def deploy_failure(application: Application) -> str:
    """Why the application cannot come up, empty while it may."""
    from ray import serve as ray_serve

    status = ray_serve.status().applications.get(application.name)
    if status is None or status.status not in ("DEPLOY_FAILED", "UNHEALTHY"):
        return ""
    told = [status.message, *(deployment.message for deployment in status.deployments.values())]
    return "; ".join(text for text in told if text) or str(status.status)


def probe_url(settings: Settings, application: Application) -> str:
    """Where the application is asked whether it serves."""
    host = LOOPBACK if settings.host in ("", "0.0.0.0", "::") else settings.host
    host = f"[{host}]" if ":" in host else host
    return f"http://{host}:{settings.port}{application.probe}"


def probe(url: str, timeout_s: float = PROBE_S) -> float | None:
    """Seconds until a good answer, ``None`` where there is none. HAProxy alone answers 404 before it has replicas."""
    started_s = time.monotonic()
    try:
        with urllib.request.urlopen(url, timeout=timeout_s):  # noqa: S310  # our own URL
            return time.monotonic() - started_s
    except (OSError, ValueError, http.client.HTTPException):
        return None


def await_answer(application: Application, settings: Settings, within_s: float) -> None:
    """Wait until the application answers.

    Raises
    ------
    TransientError
        It cannot come up, or did not in time.
    """
    url, deadline_s = probe_url(settings, application), time.monotonic() + within_s
    while probe(url) is None:
        if failure := deploy_failure(application):
            raise TransientError(f"the {application.name} does not come up: {failure}")
        if time.monotonic() > deadline_s:
            raise TransientError(f"{url} does not answer after {within_s:.0f} s")
        time.sleep(PROBE_POLL_S)


def stop_serve(settings: Settings, application: Application) -> None:
    """Take the application down; open requests end first. A local Serve ends as a whole."""
    from ray import serve as ray_serve

    with contextlib.suppress(ray.exceptions.RayError):
        if settings.ray_address:
            # Not waited for: proxies of a cluster drain for half a minute, which they do without us as well.
            ray_serve.delete(application.name, _blocking=False)
        else:
            ray_serve.shutdown()  # type: ignore[no-untyped-call]
