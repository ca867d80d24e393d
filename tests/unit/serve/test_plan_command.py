import json
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from domain.documents.plan_json import plan_from_json
from domain.errors import InputError, InvariantError, TransientError
from domain.market import Arch
from domain.policy import Capacity
from serve.cli.engine import SolverOptions
from serve.cli.errors import exit_code_of
from serve.cli.main import run, spotopt
from tests.unit.serve.builders import ZONES
from tests.unit.serve.fakes import Stage


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


def spotopt_with(stage: Stage, arguments: Sequence[str], *, debug: bool = False, stdin: str = "") -> Ended:
    """Run the command as `run` does, with other parts."""
    codes: list[int] = []
    with CliRunner().isolation(input=stdin) as (out, err, _):
        command = lambda: spotopt.main(list(arguments), standalone_mode=False, obj=stage.engine())  # noqa: E731
        codes.append(exit_code_of(command, debug=debug))
        return Ended(code=codes[0], out=out.getvalue().decode(), err=err.getvalue().decode())


def refused(arguments: Sequence[str], stage: Stage | None = None) -> str:
    ended = spotopt_with(stage or Stage(), arguments)
    assert ended.code == 2, ended
    assert "Traceback" not in ended.err
    assert ended.out == ""
    return ended.err.splitlines()[-1] if ended.err.startswith("reading") else ended.err


def test_a_plan_is_printed_and_progress_goes_to_stderr() -> None:
    ended = spotopt_with(Stage(), ["plan", "cluster.json"])

    assert ended.code == 0
    assert "proven lower bound" in ended.out
    assert "gap" in ended.err
    assert "reading the cluster" in ended.err


def test_json_is_one_object_that_reads_back_and_stderr_is_silent() -> None:
    ended = spotopt_with(Stage(), ["plan", "-", "--json", "--seed", "3"])

    assert plan_from_json(ended.out).seed == 3
    assert json.loads(ended.out)["cluster"]["region"] == "us-east-1"
    assert ended.err == ""


def test_json_and_report_are_written_where_asked(tmp_path: Path) -> None:
    report, output = tmp_path / "plan.html", tmp_path / "plan.json"

    ended = spotopt_with(Stage(), ["plan", "x", "--report", str(report), "--output", str(output)])

    assert report.read_text().startswith("<!DOCTYPE html>")
    assert plan_from_json(output.read_bytes())
    assert f"Report: {report}" in ended.err


def test_notes_of_cluster_catalogue_and_plan_are_told_once() -> None:
    stage = Stage()
    notes = plan_from_json(spotopt_with(stage, ["plan", "x", "--json"]).out).notes

    assert "2 finished pods were left out" in notes
    assert len(notes) == len(set(notes))


def test_options_reach_policy_and_solver() -> None:
    stage = Stage()
    limits = ["--capacity", "spot", "--families", "m5,m6a", "--arch", "amd64", "--max-pool-share", "0.4"]
    effort = ["--time-limit", "2.5", "--seed", "9", "--work-limit", "500", "--from-scratch"]

    spotopt_with(stage, ["plan", "x", *limits, *effort])

    policy = stage.asked["policy"]
    assert (policy.capacity, policy.families, policy.max_pool_share) == (Capacity.SPOT, ("m5", "m6a"), 0.4)
    assert policy.architectures == (Arch.AMD64,)
    assert stage.asked["options"] == SolverOptions(time_limit_s=2.5, work_limit=500, seed=9, from_scratch=True)


def test_options_win_over_the_policy_file(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("capacity: spot\npayback_h: 5\n")
    stage = Stage()

    spotopt_with(stage, ["plan", "x", "--policy", str(path), "--capacity", "on-demand"])

    assert (stage.asked["policy"].capacity, stage.asked["policy"].payback_h) == (Capacity.ON_DEMAND, 5.0)


def test_a_context_is_read_live_with_the_time_of_reading() -> None:
    stage = Stage()

    spotopt_with(stage, ["plan", "--context", "prod", "--kubeconfig", "kube.yaml", "--json"])

    assert stage.asked["context"] == ("prod", Path("kube.yaml"))
    assert stage.asked["observed_at"] is not None
    assert "files" not in stage.asked


@pytest.mark.parametrize("named", ["us-east-1b,use1-az4", "use1-az2, us-east-1c", "us-east-1b,us-east-1c,use1-az4"])
def test_zones_may_be_named_by_name_or_id(named: str) -> None:
    stage = Stage()

    spotopt_with(stage, ["plan", "x", "--zones", named])

    assert stage.asked["zones"] == (ZONES[1], ZONES[2])


def test_the_clusters_own_zone_names_win_over_those_of_the_catalogue() -> None:
    labels = {"topology.kubernetes.io/zone": "us-east-1a", "topology.k8s.aws/zone-id": "use1-az6"}
    stage = Stage(objects=[{"kind": "Node", "metadata": {"labels": labels}}])

    spotopt_with(stage, ["plan", "x", "--zones", "us-east-1a"])

    assert [zone.id for zone in stage.asked["zones"]] == ["use1-az6"]


def test_from_scratch_without_nodes_a_region_means_all_of_its_zones() -> None:
    stage = Stage()

    spotopt_with(stage, ["plan", "x", "--from-scratch", "--region", "us-east-1"])

    assert (stage.asked["region"], stage.asked["zones"]) == ("us-east-1", ZONES)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["plan"], "error: FILE: is missing"),
        (["plan", "x", "--context", "prod"], "error: --context: reads a live cluster: give either it or files"),
        (
            ["plan", "x", "--zones", "us-east-1z"],
            "error: --zones: us-east-1z: is no known zone; there are use1-az1 (us",
        ),
        (["plan", "x", "--region", "mars"], "error: region mars: is not in the catalogue"),
        (["plan", "x", "--max-pool-share", "0"], "error: --max-pool-share: must be above 0 and at most 1, not 0.0"),
        (
            ["plan", "x", "--max-pool-share", "half"],
            "error: Invalid value for '--max-pool-share': 'half' is not a valid",
        ),
        (["plan", "x", "--capacity", "free"], "error: Invalid value for '--capacity': 'free' is not one of 'spot'"),
        (["plan", "x", "--arch", "riscv"], "error: Invalid value for '--arch'"),
        (["plan", "x", "--families", "m5,,c5"], "error: Invalid value for '--families': 'm5,,c5' has an empty name"),
        (["plan", "x", "--families", "m55"], "error: policy: families: us-east-1 has no family m55; did you mean m5"),
        (["plan", "x", "--families", "m5", "--arch", "arm64"], "error: policy: families: contradicts architectures"),
        (["plan", "x", "--time-limit", "0"], "error: Invalid value for '--time-limit': 0.0 is not in the range"),
        (["plan", "x", "--seed", "-1"], "error: Invalid value for '--seed'"),
        (["plan", "x", "--policy", "none.yaml"], "error: none.yaml: cannot be read: No such file"),
        (["plan", "x", "--report", "no/such/plan.html"], "error: --report: no/such/plan.html cannot be written"),
        (["plan", "x", "--bogus"], "error: No such option '--bogus'."),
        (["bogus"], "error: No such command 'bogus'."),
    ],
)
def test_a_mistake_in_the_command_is_told_in_one_line_with_exit_code_2(arguments: list[str], message: str) -> None:
    assert refused(arguments).startswith(message)


def test_bad_input_found_by_any_part_is_told_by_object_and_field() -> None:
    error = InputError("Pod web/api-1", "spec.containers[0].resources.requests.cpu", "'-1' is negative")

    told = refused(["plan", "x"], Stage(error=error))

    assert told.strip().endswith("error: Pod web/api-1: spec.containers[0].resources.requests.cpu: '-1' is negative")


@pytest.mark.parametrize("error", [InvariantError("pod web/a is on no node"), ZeroDivisionError("division by zero")])
def test_a_bug_ends_with_70_and_a_short_word(error: Exception) -> None:
    ended = spotopt_with(Stage(error=error), ["plan", "x"])

    assert ended.code == 70
    assert f"error: {type(error).__name__}: {error}" in ended.err
    assert "Traceback" not in ended.err


def test_debug_shows_where_a_bug_is() -> None:
    assert "Traceback" in spotopt_with(Stage(error=ZeroDivisionError()), ["plan", "x"], debug=True).err


def test_what_may_work_later_ends_with_75() -> None:
    assert spotopt_with(Stage(error=TransientError("prod: no answer")), ["plan", "x"]).code == 75


def test_the_first_interrupt_gives_the_best_plan_so_far_with_its_true_duration() -> None:
    def interrupt(clock: object) -> None:
        signal.raise_signal(signal.SIGINT)

    ended = spotopt_with(Stage(while_planning=interrupt), ["plan", "x", "--json"])
    plan = plan_from_json(ended.out)

    assert ended.code == 0
    assert plan.seconds == pytest.approx(3.4, abs=1e-3)
    assert any("interrupted" in note for note in plan.notes)


def test_the_second_interrupt_ends_with_130() -> None:
    def interrupt_twice(clock: object) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    ended = spotopt_with(Stage(while_planning=interrupt_twice), ["plan", "x"])

    assert ended.code == 130
    assert ended.err.rstrip().endswith("interrupted")
    assert signal.getsignal(signal.SIGINT) is before


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("spotopt ")


def test_debug_may_stand_anywhere(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "--help", "--debug"]) == 0
    assert "Say why" in capsys.readouterr().out
