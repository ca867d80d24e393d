"""Scenario files and what they name: every mistake with its place."""

import json
from pathlib import Path

import pytest

from adapters.scenarios import parse_scenario, read_scenario
from adapters.scenarios.read import schema
from adapters.traces.openb import read_arrivals
from adapters.traces.prices import read_price_table
from adapters.traces.skypilot import read_recordings
from domain.errors import InputError

EXAMPLES = sorted((Path(__file__).resolve().parents[3] / "examples" / "simulations").glob("*.yaml"))
SMALL = """\
name: small
region: us-east-1
hours: 24
market:
  generated: {types: [m5.large], zones: 2}
workload:
  deployments:
    - {name: shop, replicas: 3, cpu: 0.5, memory_gib: 1}
policies:
  - on-demand
  - {policy: ours, label: ours alone, sharing: false}
"""


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_is_a_scenario(path: Path) -> None:
    assert read_scenario(path).policies


def test_the_committed_schema_is_that_of_the_program() -> None:
    assert json.loads((EXAMPLES[0].parents[2] / "docs" / "scenario.schema.json").read_text()) == schema()


def test_a_policy_may_stand_by_its_name_alone() -> None:
    scenario = parse_scenario(SMALL, source="s")
    assert [policy.name for policy in scenario.policies] == ["on-demand", "ours alone"]
    assert scenario.measured_against == "on-demand"


def test_fields_can_be_changed_from_outside() -> None:
    scenario = parse_scenario(SMALL, source="s", changes=("clusters.tenants=8", "hours=48"))
    assert (scenario.clusters.tenants, scenario.hours) == (8, 48)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("hours: 24", "hours: -1", r"s line 3: hours: must be greater than 0, not -1"),
        ("hours: 24", "hurs: 24", r"s line 3: hurs: is not a field here; did you mean hours\?"),
        ("replicas: 3", "replicas: 3, cpus: 3", r"s line 8: workload.deployments.0.cpus: is not a field here; did you"),
        ("replicas: 3,", "", r"s line 8: workload.deployments.0.replicas: is missing"),
        ("cpu: 0.5", "cpu: lots", r"s line 8: workload.deployments.0.cpu: .* not 'lots'"),
        ("hours: 24", "hours: 24\nhours: 25", r"s line 4: hours: is already set in line 3"),
        ("  - on-demand", "  - cheapest", r"s line 10: policies.0.policy: must be 'ours', 'on-demand'"),
        ("  - on-demand", "  - greedy", r"policy 'greedy' is not made for clusters"),
        ("  - on-demand", "  - ours\n  - ours", r"two policies called 'ours'"),
        ("generated: {types: [m5.large], zones: 2}", "boot_s: 3", r"s line 4: market: must have either"),
        ("region: us-east-1\n", "", r"s line 1: region: is missing"),
        ("name: small", "name: [", r"s line \d+: is not YAML"),
    ],
    ids=range(12),
)
def test_a_mistake_is_named_with_its_line(old: str, new: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        parse_scenario(SMALL.replace(old, new), source="s")


def test_a_change_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="must be like"):
        parse_scenario(SMALL, source="s", changes=("hours",))


def trace(folder: Path, name: str, data: list[int | None], *, gap_s: float = 600.0) -> None:
    (folder / name).write_text(json.dumps({"metadata": {"gap_seconds": gap_s}, "data": data}))


def test_a_gap_is_refused_with_its_tick_or_repaired_as_the_tick_before(tmp_path: Path) -> None:
    trace(tmp_path, "us-east-1a_v100_1.json", [1, None, 0, 1])
    with pytest.raises(InputError, match=r"us-east-1a_v100_1.json: data.1: was not recorded"):
        read_recordings(tmp_path)
    (recording,) = read_recordings(tmp_path, repair=True)
    assert recording.series[0].count.tolist() == [1, 1, 0, 1]


def test_unequal_ticks_are_refused(tmp_path: Path) -> None:
    trace(tmp_path, "us-east-1a_v100_1.json", [1, 0])
    trace(tmp_path, "us-east-1b_v100_1.json", [1, 0], gap_s=195)
    with pytest.raises(InputError, match="gap_seconds: differs"):
        read_recordings(tmp_path)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("a,m5.large,1,-0.1", "row 3: usd_per_h: must be above 0"),
        ("a,m5.large,0,0.1", "row 3: at: must be after 0"),
        ("a,m5.large,x,0.1", "row 3: at: must be a number, not 'x'"),
        ("a,m5.large,-1,0.1", "row 3: at: must not be negative"),
        ("a,m5.large,1,nan", "row 3: usd_per_h: must be finite"),
    ],
    ids=range(5),
)
def test_a_wrong_price_is_named_with_its_row(tmp_path: Path, row: str, told: str) -> None:
    path = tmp_path / "prices.csv"
    path.write_text(f"zone,instance_type,at,usd_per_h\na,m5.large,0,0.1\n{row}\n")
    with pytest.raises(InputError, match=told):
        read_price_table(path)


def test_a_table_without_a_column_names_it(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    path.write_text("zone,at,usd_per_h\n")
    with pytest.raises(InputError, match="row 1: instance_type: is missing"):
        read_price_table(path)


def test_arrivals_begin_at_0_and_leave_out_what_never_ran(tmp_path: Path) -> None:
    path = tmp_path / "pods.csv"
    head = "name,cpu_milli,memory_mib,num_gpu,creation_time,deletion_time,scheduled_time"
    path.write_text(f"{head}\nb,1000,512,0,50,90,60\na,1000,512,0,40,90,\nc,1000,512,1,10,20,10\n")
    (pod,) = read_arrivals(path, gpus=False)
    assert (pod.name, pod.at_s, pod.runs_s) == ("b", 0.0, 30.0)
    path.write_text(f"{head}\nb,1000,512,0,50,55,60\n")
    with pytest.raises(InputError, match="row 2: deletion_time"):
        read_arrivals(path, gpus=False)
