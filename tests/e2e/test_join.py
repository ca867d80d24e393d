"""``spotopt up`` on a Ray cluster of somebody else: refused where its nodes lack something, else at home there."""

import asyncio
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from adapters.embedded.folder import DataFolder
from adapters.embedded.postgres import EmbeddedPostgres
from adapters.embedded.redis import EmbeddedRedis
from tests.running_platform import BACK_S, COMMAND_S, START_S, Platform, eventually, free_port

RAY = (sys.executable, "-m", "ray.scripts.scripts")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Databases and keys that all nodes are to share."""
    folder = DataFolder(tmp_path_factory.mktemp("shared"))
    postgres, redis = EmbeddedPostgres(folder), EmbeddedRedis(folder)
    proxy = Path(tempfile.mkdtemp(prefix="proxy-"))
    asyncio.run(postgres.start())
    asyncio.run(redis.start())
    try:
        yield {
            "DATABASE_URL": postgres.dsn(),
            "REDIS_URL": redis.url,
            "SPOTOPT_SESSION_KEYS": b64encode(secrets.token_bytes(32)).decode(),
            "SPOTOPT_ENCRYPTION_KEYS": b64encode(secrets.token_bytes(32)).decode(),
            "RAY_AUTH_MODE": "disabled",
            "RAY_SERVE_ENABLE_HA_PROXY": "1",
            # A cluster has its machine to itself; here the proxy shares it with others of its kind.
            "RAY_SERVE_HAPROXY_STATS_PORT": str(free_port()),
            "RAY_SERVE_HAPROXY_METRICS_PORT": str(free_port()),
            "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(proxy / "haproxy.cfg"),
            "RAY_SERVE_HAPROXY_SOCKET_PATH": str(proxy / "a"),
            "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": str(proxy / "m"),
            "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(proxy),
            "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(proxy / "server-state"),
        }
    finally:
        asyncio.run(redis.stop())
        asyncio.run(postgres.stop())
        shutil.rmtree(proxy)


@contextmanager
def ray_cluster(environment: Mapping[str, str]) -> Iterator[str]:
    """A Ray node of its own session, where it answers, ended by its process group."""
    port, folder = free_port(), tempfile.mkdtemp(prefix="ray-")  # a short path: sockets lie in it
    ports = [f"--port={port}", "--node-ip-address=127.0.0.1", "--include-dashboard=false", "--num-cpus=2"]
    said = Path(folder, "said")
    with said.open("w") as out:
        head = subprocess.Popen(
            [*RAY, "start", "--head", "--block", "--disable-usage-stats", f"--temp-dir={folder}", *ports],
            stdout=out, stderr=subprocess.STDOUT, start_new_session=True, env={**os.environ, **environment},
        )  # fmt: skip
    try:
        eventually(lambda: "Ray runtime started" in said.read_text(), START_S, said.read_text)
        yield f"127.0.0.1:{port}"
    finally:
        os.killpg(head.pid, signal.SIGTERM)
        head.wait(60)
        shutil.rmtree(folder)


def test_databases_that_the_nodes_cannot_reach_are_refused(tmp_path: Path) -> None:
    running = Platform(tmp_path / "data", {"RAY_ADDRESS": "127.0.0.1:1"})
    try:
        assert running.up.wait(COMMAND_S) == 2
        assert "database_url" in running.output.read_text()
    finally:
        running.stop()


def test_a_node_without_our_settings_is_named_with_what_it_lacks(tmp_path: Path, shared: dict[str, str]) -> None:
    bare = {name: text for name, text in shared.items() if name.startswith("RAY_")}
    with ray_cluster(bare) as address:
        running = Platform(tmp_path / "data", shared | {"RAY_ADDRESS": address})
        try:
            assert running.up.wait(COMMAND_S) == 2
            told = running.output.read_text()
            assert " has no DATABASE_URL (nor the right REDIS_URL, SPOTOPT_SESSION_KEYS" in told
            assert shared["SPOTOPT_SESSION_KEYS"] not in told
        finally:
            running.stop()


def test_it_runs_on_a_cluster_of_somebody_else_and_leaves_it_running(tmp_path: Path, shared: dict[str, str]) -> None:
    with ray_cluster(shared) as address:
        running = Platform(tmp_path / "data", shared | {"RAY_ADDRESS": address})
        try:
            running.await_ready()
            assert running.answers()
            assert {"ClusterHost-0", "RiskRegistry"} <= actors_of(address)
            assert running.run("down").returncode == 0
            eventually(lambda: not actors_of(address), BACK_S, lambda: actors_of(address))
        finally:
            running.stop()


def actors_of(address: str) -> set[str]:
    """Our named actors on a cluster, as another process sees them."""
    look = (
        "import ray, json; from ray.util import list_named_actors; from actors.runtime import NAMESPACE;"
        f"ray.init(address={address!r}, log_to_driver=False, logging_level='error');"
        "print(json.dumps([one['name'] for one in list_named_actors(all_namespaces=True)"
        " if one['namespace'] == NAMESPACE]))"
    )
    environment = {**os.environ, "RAY_AUTH_MODE": "disabled"}
    shown = subprocess.run(
        [sys.executable, "-c", look], capture_output=True, text=True, env=environment, timeout=COMMAND_S, check=True
    )
    # Ray may have a word to say on the same stream, before ours or after it.
    return set(json.loads(next(line for line in shown.stdout.splitlines() if line.startswith("["))))
