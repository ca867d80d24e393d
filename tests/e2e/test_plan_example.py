"""The main job through the real command: the example cluster planned, proven, written and explained."""

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "web-shop.json.gz"
LIMITS = ("--time-limit", "4", "--seed", "1")


def spotopt(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "serve.cli.main", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, check=False, timeout=300, cwd=ROOT)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plan")
    files = ("--report", str(folder / "plan.html"), "--output", str(folder / "plan.json"))
    ended = spotopt("plan", str(EXAMPLE), *LIMITS, *files)
    (folder / "out").write_bytes(ended.stdout)
    (folder / "err").write_bytes(ended.stderr)
    assert ended.returncode == 0, ended.stderr.decode()
    return folder


@pytest.fixture(scope="module")
def plan(written: Path) -> dict[str, Any]:
    return dict(json.loads((written / "plan.json").read_bytes()))


def test_the_plan_saves_money_and_its_cost_is_not_below_the_bound(plan: dict[str, Any]) -> None:
    assert plan["saving_usd_per_h"] > 0
    assert plan["planned_cost_usd_per_h"] >= plan["lower_bound_usd_per_h"] > 0


def test_the_plan_satisfies_the_published_schema(plan: dict[str, Any]) -> None:
    schema = json.loads((ROOT / "docs" / "plan.schema.json").read_text())

    jsonschema.validate(plan, schema, cls=jsonschema.Draft202012Validator)


def test_every_running_node_stays_with_a_reason_or_goes_by_an_action(plan: dict[str, Any]) -> None:
    items = json.loads(gzip.decompress(EXAMPLE.read_bytes()))["items"]
    running = {item["metadata"]["name"] for item in items if item["kind"] == "Node"}
    terminated = {action["node"] for action in plan["actions"] if action["kind"] == "terminate"}
    kept = {each["node"] for each in plan["kept"]}

    assert running - terminated == kept
    assert all(action["reason"]["text"] for action in plan["actions"])


def test_the_terminal_tells_cost_proof_and_actions(written: Path) -> None:
    text = (written / "out").read_text()

    for word in ("proven lower bound", "saving", "What to do", "Left alone", "Risk"):
        assert word in text
    assert "\x1b" not in text
    assert "Report:" in (written / "err").read_text()


def test_the_report_is_one_file_that_loads_nothing(written: Path) -> None:
    html = (written / "plan.html").read_text()

    assert html.startswith("<!DOCTYPE html>")
    assert "http://" not in html
    assert "https://" not in html


def test_every_node_of_the_plan_can_be_explained(written: Path, plan: dict[str, Any]) -> None:
    names = [plan["nodes"][0]["name"], plan["nodes"][0]["pods"][0], str(plan["actions"][0]["id"])]

    ended = spotopt("explain", str(written / "plan.json"), *names)

    assert ended.returncode == 0, ended.stderr.decode()
    assert all(name in ended.stdout.decode() for name in names)


def test_from_scratch_plans_pods_without_any_node() -> None:
    items = json.loads(gzip.decompress(EXAMPLE.read_bytes()))["items"]
    pods = json.dumps({"kind": "List", "items": [each for each in items if each["kind"] != "Node"]}).encode()

    ended = spotopt("plan", "-", "--json", "--from-scratch", "--region", "us-east-1", *LIMITS, stdin=pods)
    made = json.loads(ended.stdout)

    assert ended.stderr == b""
    assert made["cluster"]["region"] == "us-east-1"
    assert not any(node["existing"] for node in made["nodes"])


def test_the_same_seed_and_work_limit_make_the_same_plan() -> None:
    work = ("--json", "--seed", "5", "--work-limit", "200", "--time-limit", "120")

    first, second = (json.loads(spotopt("plan", str(EXAMPLE), *work).stdout) for _ in range(2))

    for changing in ("seconds", "trace"):
        del first[changing], second[changing]
    assert first == second
