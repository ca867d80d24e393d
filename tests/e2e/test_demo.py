"""``spotopt demo`` as a user runs it: it comes up, its clusters are seen, and Ctrl-C leaves nothing behind."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from demo.world import TENANTS, Tenant
from serve.operations.processes import all_processes
from tests.running_platform import CLOUD_VARIABLES, START_S, eventually, free_port

SEEN_S = 180.0
END_S = 120.0
ANSI = re.compile(r"\x1b\[[0-9;]*m")


class Running:
    """A demo in folders of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.output = folder, folder.with_name("demo.log")
        folder.mkdir()
        environment = {name: text for name, text in os.environ.items() if not CLOUD_VARIABLES.match(name)}
        environment |= {"TMPDIR": str(folder), "COLUMNS": "200"}
        command = [sys.executable, "-m", "serve.cli.main", "demo", "--port", str(free_port()), "--minutes", "15"]
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)

    def said(self) -> str:
        return ANSI.sub("", self.output.read_text())

    def has_said(self, pattern: str) -> "re.Match[str] | None":
        assert self.process.poll() is None, self.said()
        return re.search(pattern, self.said())

    def await_words(self, pattern: str, within_s: float) -> "re.Match[str]":
        found: re.Match[str] = eventually(lambda: self.has_said(pattern), within_s, self.said)
        return found

    def left(self) -> list[str]:
        return [f"{one.pid} {one.command}" for one in all_processes() if str(self.folder) in one.command]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    demo = Running(tmp_path_factory.mktemp("demo") / "tmp")
    try:
        yield demo
    finally:
        if demo.process.poll() is None:
            demo.process.send_signal(signal.SIGINT)
            demo.process.wait(END_S)


@contextmanager
def signed_in(running: Running, email: str) -> Iterator[httpx.Client]:
    """A customer, by what the screen says."""
    url = running.await_words(r"(http://127\.0\.0\.1:\d+)", START_S)[1]
    password = running.await_words(rf"{re.escape(email)}\s+(\S+)", START_S)[1]
    with httpx.Client(base_url=url, timeout=30.0, trust_env=False) as http:
        answer = http.post("/api/auth/token", json={"email": email, "password": password})
        http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        yield http


def test_it_says_where_to_look_how_to_sign_in_and_what_to_try(running: Running) -> None:
    running.await_words("Four things to try", START_S + SEEN_S)
    assert all(tenant.email in running.said() for tenant in TENANTS)
    assert "admin@localhost" in running.said()


@pytest.mark.parametrize("tenant", TENANTS, ids=lambda tenant: tenant.person)
def test_each_customer_sees_their_own_clusters_with_real_agents(running: Running, tenant: Tenant) -> None:
    names = {cluster.name for cluster in tenant.clusters}
    with signed_in(running, tenant.email) as http:

        def heard() -> bool:
            clusters = http.get("/api/clusters").json()["items"]
            return {one["name"] for one in clusters if one["status"] == "active" and one["node_count"]} == names

        eventually(heard, SEEN_S, lambda: http.get("/api/clusters").text)
        accounts = http.get("/api/settings/accounts").json()
        assert [account["aws_account_id"] for account in accounts] == [tenant.account_id]


def test_ctrl_c_leaves_no_process_and_no_file(running: Running) -> None:
    running.await_words("Four things to try", START_S + SEEN_S)
    assert running.left()
    running.process.send_signal(signal.SIGINT)
    assert running.process.wait(END_S) == 0, running.said()
    assert running.left() == []
    assert list(running.folder.iterdir()) == []
