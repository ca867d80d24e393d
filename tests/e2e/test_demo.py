"""``spotopt demo`` as a user runs it: it comes up, people find their way in the portal, Ctrl-C leaves nothing behind.

The tests of this file are one story about one demo, told in their order.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from demo.world import TENANTS, Tenant
from serve.operations.processes import all_processes
from tests.running_platform import CLOUD_VARIABLES, START_S, eventually, free_port

ROOT = Path(__file__).resolve().parents[2]
PORTAL = ROOT / "web"
SEEN_S = 180.0
END_S = 120.0
BROWSER_S = 600.0
TAIL_BYTES = 200_000
"""Of each log that is kept when a browser test fails."""


class Running:
    """A demo in folders of its own. ``said`` is what it writes, ``heard`` what it reads as if typed."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.said, self.heard = folder, folder.with_name("said.jsonl"), folder.with_name("heard")
        folder.mkdir()
        os.mkfifo(self.heard)
        environment = {name: text for name, text in os.environ.items() if not CLOUD_VARIABLES.match(name)}
        environment |= {"TMPDIR": str(folder)}
        command = [sys.executable, "-m", "serve.cli.main", "demo", "--json"]
        command += ["--port", str(free_port()), "--minutes", "25"]
        # Opened for both, so that it never reads an end.
        with self.said.open("wb") as output, self.heard.open("r+b", buffering=0) as typed:
            self.process = subprocess.Popen(command, stdin=typed, stdout=output, stderr=output, env=environment)

    def event(self, kind: str) -> dict[str, Any] | None:
        assert self.process.poll() is None, self.said.read_text()
        lines = self.said.read_text().splitlines()
        events = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
        return next((event for event in events if event["event"] == kind), None)

    def await_event(self, kind: str, within_s: float) -> dict[str, Any]:
        found: dict[str, Any] = eventually(lambda: self.event(kind), within_s, self.said.read_text)
        return found

    def left(self) -> list[str]:
        return [f"{one.pid} {one.command}" for one in all_processes() if str(self.folder) in one.command]

    def keep_logs(self, evidence: Path) -> None:
        """What is not there any more once the demo has ended."""
        evidence.mkdir(parents=True, exist_ok=True)
        for log in (self.said, *self.folder.glob("spotopt-demo-*/*.log"), *self.folder.glob("spotopt-demo-*/logs/*")):
            if log.is_file():
                (evidence / log.name).write_bytes(log.read_bytes()[-TAIL_BYTES:])


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
    where = running.await_event("where", START_S)
    password = {account["email"]: account["password"] for account in where["accounts"]}[email]
    with httpx.Client(base_url=where["url"], timeout=30.0, trust_env=False) as http:
        answer = http.post("/api/auth/token", json={"email": email, "password": password})
        http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        yield http


def test_it_says_where_to_look_and_how_to_sign_in(running: Running) -> None:
    where = running.await_event("where", START_S)
    assert {account["email"] for account in where["accounts"]} == {
        "admin@localhost",
        *(tenant.email for tenant in TENANTS),
    }
    running.await_event("ready", START_S + SEEN_S)


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


@pytest.mark.skipif(shutil.which("npm") is None, reason="the browser tests are run by npm")
def test_people_find_their_way_in_a_browser(running: Running) -> None:
    """web/tests/platform: what each of its tests looked like and what the platform logged is kept when one fails."""
    evidence = Path(tempfile.mkdtemp(prefix="spotopt-portal-"))
    told = {"DEMO_SAYS": running.said, "DEMO_HEARS": running.heard, "DEMO_EVIDENCE": evidence}
    done = subprocess.run(
        ["npm", "--prefix", str(PORTAL), "run", "--silent", "test:platform"],
        capture_output=True, text=True, timeout=BROWSER_S, check=False,
        env=os.environ | {name: str(path) for name, path in told.items()},
    )  # fmt: skip
    if done.returncode != 0:
        running.keep_logs(evidence)
        pytest.fail(f"pictures and logs are in {evidence}\n{done.stdout}\n{done.stderr}", pytrace=False)
    evidence.rmdir()


def test_ctrl_c_leaves_no_process_and_no_file(running: Running) -> None:
    running.await_event("ready", START_S + SEEN_S)
    assert running.left()
    running.process.send_signal(signal.SIGINT)
    assert running.process.wait(END_S) == 0, running.said.read_text()
    assert running.left() == []
    assert list(running.folder.iterdir()) == []
