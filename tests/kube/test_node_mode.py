"""The container on a node: it asks the instance metadata and marks its own node, with the rights of the chart."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from agent.interruptions.notices import INTERRUPTION_CONDITION
from tests.kube.agent_process import ROOT, end, free_port
from tests.kube.client import JsonObject, Kube, path_of
from tests.kube.control_plane import ControlPlane
from tests.kube.helm import Helm, case
from tests.kube.objects import instance_id, make_node, make_pod_spec
from tests.kube.programs import Programs
from tests.kube.rbac import granted

NODE = "node-0"


class Metadata(ThreadingHTTPServer):
    """IMDSv2 as far as it is asked; ``taken`` is the answer about interruptions, none while it is empty."""

    taken = ""

    def answer(self, path: str) -> str:
        if path.endswith("/instance-id"):
            return instance_id(NODE)
        return self.taken if path.endswith("/spot/instance-action") else ""


class Handler(BaseHTTPRequestHandler):
    server: Metadata

    def do_PUT(self) -> None:
        self.say(200, "session-token")

    def do_GET(self) -> None:
        text = self.server.answer(self.path)
        known = self.headers.get("X-aws-ec2-metadata-token") == "session-token"
        self.say((200 if text else 404) if known else 401, text)

    def say(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing: the test tells what is wrong."""


@pytest.fixture
def metadata() -> Iterator[Metadata]:
    server = Metadata(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(5)


def condition(kube: Kube) -> JsonObject:
    conditions = kube.get(f"/api/v1/nodes/{NODE}")["status"].get("conditions", [])
    return next((one for one in conditions if one["type"] == INTERRUPTION_CONDITION), {})


def test_a_notice_is_marked_on_the_node_and_no_right_is_left_over(
    programs: Programs, control_plane: ControlPlane, kube: Kube, namespace: str, metadata: Metadata, tmp_path: Path
) -> None:
    found = Helm(program=programs.helm, home=tmp_path).render(case("full"), namespace=namespace)
    own = [one for one in found if one["metadata"]["name"].endswith("-node") and one["kind"] != "DaemonSet"]
    for one in own:
        kube.apply(one)
    account = next(one["metadata"]["name"] for one in own if one["kind"] == "ServiceAccount")
    kube.create(make_node(NODE))
    spec = {**make_pod_spec(), "serviceAccountName": account, "nodeName": NODE}
    kube.create({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "node", "namespace": namespace}, "spec": spec})
    login = control_plane.service_account(namespace, account, pod="node")
    (tmp_path / "token").write_text(login.token)
    environment = {
        "PATH": os.environ["PATH"],
        "NODE_NAME": NODE,
        "PORT": str(free_port()),
        "METADATA_URL": f"http://127.0.0.1:{metadata.server_port}",
        "KUBE_API_URL": login.url,
        "KUBE_TOKEN_FILE": str(tmp_path / "token"),
        "KUBE_CA_FILE": str(login.ca),
    }
    with (tmp_path / "node.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "agent", "node"], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
    try:
        kube.wait(lambda: condition(kube).get("status"), until=lambda status: status == "False")
        metadata.taken = json.dumps({"action": "terminate", "time": "2026-03-01T12:02:00Z"})
        marked = kube.wait(lambda: condition(kube), until=lambda one: one["status"] == "True")
        assert marked["message"].startswith(instance_id(NODE))
    finally:
        end(process)
    asked = control_plane.asked(namespace, account)
    roles = [one for one in own if one["kind"] == "ClusterRole"]
    assert {(one.verb, one.group, one.resource) for one in asked} == granted(roles)
    for one in own:
        kube.delete(path_of(one))
