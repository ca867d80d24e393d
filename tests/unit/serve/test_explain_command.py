from dataclasses import replace
from pathlib import Path

import pytest

from domain.documents.plan_json import plan_to_json
from domain.errors import InputError
from domain.plan import Unschedulable
from serve.cli.explain import answer
from serve.cli.main import run
from tests.unit.serve.builders import make_plan, make_snapshot

PLAN = make_plan(make_snapshot())
MOVED = next(action for action in PLAN.actions if action.pod)
KEPT = PLAN.kept[0].node


def told(name: str) -> str:
    return "\n".join(answer(PLAN, name))


def test_a_launch_is_explained_with_what_binds_and_the_alternatives() -> None:
    text = told("new-1")

    assert text.startswith("node new-1: new, m6a.4xlarge, Spot, us-east-1a (use1-az1), $0.2350 per hour, pool general")
    assert "why: m6a.4xlarge in use1-az1 is the cheapest fit [launch_reason]" in text
    assert "binds: memory" in text
    assert "r6i.2xlarge in use1-az2: +$0.0400 per hour, dearer, same risk" in text


def test_a_node_left_alone_is_explained_by_its_reason() -> None:
    assert "why: pod web/job-1 must not be evicted (karpenter.sh/do-not-disrupt) [do_not_disrupt]" in told(KEPT)


def test_a_node_that_goes_tells_where_its_pods_go() -> None:
    text = told(MOVED.node)

    assert f"node {MOVED.node}: goes" in text
    assert f"{MOVED.pod} → {MOVED.target}" in text
    assert "terminate" in text


def test_a_pod_is_explained_by_its_move_and_its_new_node() -> None:
    text = told(MOVED.pod)

    assert f"evict {MOVED.pod} from {MOVED.node} to {MOVED.target}" in text
    assert f"planned on {MOVED.target}" in text
    assert told(MOVED.pod.partition("/")[2]) == text


def test_a_pod_that_fits_nowhere_is_explained_by_what_binds() -> None:
    assert "fits nowhere: memory: requests 3 TiB" in told("data/huge-0")


def test_an_action_is_explained_by_its_number() -> None:
    assert told("1").startswith("action 1, step 1: launch new-1")
    assert told("#1") == told("1")


def test_a_name_in_two_namespaces_must_be_told_apart() -> None:
    twin = Unschedulable(pod="other/huge-0", constraint="cpu", detail="too large")

    with pytest.raises(InputError, match="several namespaces; name one of data/huge-0, other/huge-0"):
        answer(replace(PLAN, unschedulable=(*PLAN.unschedulable, twin)), "huge-0")


@pytest.mark.parametrize(
    ("name", "problem"), [("new-111", "did you mean new-1"), ("9999", "is not in the plan, which has 105 actions")]
)
def test_what_is_not_in_the_plan_is_refused_with_what_is_near(name: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        answer(PLAN, name)


def test_the_command_answers_from_a_saved_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "plan.json"
    path.write_text(plan_to_json(PLAN))

    assert run(["explain", str(path), "new-1", KEPT]) == 0
    assert "left alone:" in capsys.readouterr().out
    assert run(["explain", str(path)]) == 0
    assert "2 nodes left alone" in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"", b"not json", b"{}", b"\xff\xfe"])
def test_a_file_that_is_no_plan_ends_with_2(tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(content)

    assert run(["explain", str(path), "x"]) == 2
    assert capsys.readouterr().err.startswith(f"error: {path}: ")


def test_a_file_that_is_not_there_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "none.json"]) == 2
    assert capsys.readouterr().err == "error: none.json: cannot be read: No such file or directory\n"
