"""Bad input through the real command: exit code 2, one clear message, no traceback."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

LABELS = {
    "node.kubernetes.io/instance-type": "m5.xlarge",
    "topology.kubernetes.io/region": "us-east-1",
    "topology.kubernetes.io/zone": "us-east-1a",
    "topology.k8s.aws/zone-id": "use1-az1",
    "karpenter.sh/capacity-type": "on-demand",
}


def node(**labels: str) -> dict[str, Any]:
    room = {"cpu": "3920m", "memory": "15Gi", "pods": "58"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": "a", "labels": LABELS | labels},
        "status": {"allocatable": room, "conditions": [{"type": "Ready", "status": "True"}]},
    }


def pod(cpu: Any = "500m") -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "api", "namespace": "web"},
        "spec": {"nodeName": "a", "containers": [{"name": "c", "resources": {"requests": {"cpu": cpu}}}]},
        "status": {"phase": "Running"},
    }


def listed(*items: dict[str, Any]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(items)})


def spotopt(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "serve.cli.main", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize(
    ("stdin", "arguments", "named"),
    [
        ("this is not JSON", (), "standard input"),
        ("", (), "standard input"),
        ("[1, 2]", (), "standard input"),
        ('{"kind": "Secret"}', (), "Pod"),
        (listed(node()), (), "Pod"),
        (listed(pod()), (), "--from-scratch"),
        (listed(node(), pod("-1")), (), "web/api"),
        (listed(node(), pod("5 apples")), (), "web/api"),
        (listed(node(), pod({})), (), "web/api"),
        (listed(pod()), ("--from-scratch",), "--region"),
        (listed(pod()), ("--from-scratch", "--region", "moon-1"), "moon-1"),
        (listed(node(), pod()), ("--zones", "us-east-1z"), "us-east-1z"),
        (listed(node(), pod()), ("--families", "x99"), "x99"),
        (listed(node(), pod()), ("--families", "m5", "--arch", "arm64"), "architectures"),
    ],
)
def test_bad_input_is_told_with_what_is_wrong(stdin: str, arguments: tuple[str, ...], named: str) -> None:
    ended = spotopt("plan", "-", "--json", *arguments, stdin=stdin)

    assert ended.returncode == 2, ended.stderr
    assert ended.stderr.startswith("error: ")
    assert named in ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stdout == ""


def test_a_folder_is_not_a_cluster(tmp_path: Path) -> None:
    ended = spotopt("plan", str(tmp_path), "--json")

    assert (ended.returncode, ended.stdout) == (2, "")
    assert str(tmp_path) in ended.stderr


def test_a_broken_pipe_is_quiet() -> None:
    code = "from serve.cli.main import main; main()"
    command = f"{sys.executable} -c '{code}' catalog show --region us-east-1 | head -n 1"
    ended = subprocess.run(command, shell=True, capture_output=True, text=True, check=False, timeout=120)

    assert ended.stderr == ""
    assert "us-east-1" in ended.stdout
