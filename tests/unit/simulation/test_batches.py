"""Replications under the production code, batches, and what is kept of them."""

import math
import re
from collections.abc import Iterable, Iterator
from itertools import product
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner
from pyarrow import parquet

from actors.simulation.batch import Batches, Order, Row, compared, simulate
from actors.simulation.fanout import InProcess, compute
from actors.simulation.replicate import Replicator
from actors.simulation.stage import Builder
from adapters.parquet import Column, Kind, ParquetWriter
from adapters.runs.folder import MANIFEST, RESULTS
from adapters.scenarios import Scenario, parse_scenario
from domain.errors import InputError
from serve.cli.simulate import simulate as command
from serve.report.simulation import headline, simulation_html

TEXT = """\
name: small
region: us-east-1
hours: 24
seed: 4
types:
  gpu.large: {vcpu: 4, memory_gib: 16, on_demand_usd_per_h: 0.2, spot_usd_per_h: 0.07}
  gpu.xlarge: {vcpu: 8, memory_gib: 32, on_demand_usd_per_h: 0.4, spot_usd_per_h: 0.13}
market:
  generated: {types: [gpu.large, gpu.xlarge], zones: 3, up_h: 12, down_h: 1}
clusters: {tenants: 2}
workload:
  deployments:
    - {name: shop, replicas: 6, cpu: 1, memory_gib: 2, max_unavailable: 2}
ours: {model: false, optimise_every_h: 12}
policies: [on-demand, karpenter, ours]
"""


def scenario(*changes: str) -> Scenario:
    return parse_scenario(TEXT, source="small.yaml", changes=changes)


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return Replicator(scenario(), Path()).run(0)


def test_every_policy_meets_the_same_market(rows: list[Row]) -> None:
    assert [row["policy"] for row in rows] == ["on-demand", "karpenter", "ours"]
    assert {row["clusters"] for row in rows} == {2}


def test_our_policy_saves_and_breaks_no_budget(rows: list[Row]) -> None:
    base, _, ours = rows
    assert ours["cost_usd"] < base["cost_usd"]
    assert ours["interruptions"] > 0
    assert ours["plans"] > 0
    assert [row["budget_breaches"] for row in rows] == [0, 0, 0]


def test_a_replication_is_the_same_whoever_computes_it_and_whatever_was_before(rows: list[Row]) -> None:
    other = Replicator(scenario(), Path())
    other.run(1)
    assert other.run(0) == rows


class Forgetful:
    """Dies after some batches."""

    def __init__(self, after: int) -> None:
        self._after = after
        self.computed: list[int] = []

    def run(self, orders: Iterable[Order]) -> Iterator[tuple[int, list[Row]]]:
        for batch, found in InProcess().run(orders):
            if len(self.computed) == self._after:
                raise KeyboardInterrupt
            self.computed.append(batch)
            yield batch, found


class Backwards:
    """Ends what it was given last first."""

    def run(self, orders: Iterable[Order]) -> Iterator[tuple[int, list[Row]]]:
        yield from reversed(list(InProcess().run(orders)))


CHEAP = ("policies=[on-demand, karpenter, refill]",)


def batches(*changes: str, replications: int = 6) -> Batches:
    return Batches(scenario=scenario(*CHEAP, *changes), data=Path(), replications=replications, batch=2)


def test_a_killed_run_goes_on_from_what_is_done_and_ends_with_the_same_bytes(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    with pytest.raises(KeyboardInterrupt):
        simulate(batches(), tmp_path / "a", Forgetful(1), on_done=lambda *_: None)
    rest = Forgetful(10)
    simulate(batches(), tmp_path / "a", rest, on_done=lambda done, total: told.append((done, total)))
    assert rest.computed == [1, 2]
    assert told[0] == (2, 6)
    assert told[-1] == (6, 6)
    simulate(batches(), tmp_path / "b", Backwards(), on_done=lambda *_: None)
    assert (tmp_path / "a" / RESULTS).read_bytes() == (tmp_path / "b" / RESULTS).read_bytes()


def test_more_replications_go_on_in_the_same_folder_and_another_run_does_not(tmp_path: Path) -> None:
    simulate(batches(replications=2), tmp_path, InProcess(), on_done=lambda *_: None)
    more = Forgetful(10)
    simulate(batches(), tmp_path, more, on_done=lambda *_: None)
    assert more.computed == [1, 2]
    with pytest.raises(InputError, match="is of another run"):
        simulate(batches("hours=12"), tmp_path, InProcess(), on_done=lambda *_: None)


def test_a_manifest_names_the_scenario_with_all_its_defaults(tmp_path: Path) -> None:
    simulate(batches(), tmp_path, InProcess(), on_done=lambda *_: None)
    manifest = orjson.loads((tmp_path / MANIFEST).read_bytes())
    assert Scenario.model_validate(manifest["scenario"]) == batches().scenario
    assert manifest["packages"]["numpy"]


def test_a_type_without_a_price_is_named() -> None:
    with pytest.raises(InputError, match=r"type p9.huge: is not offered as Spot"):
        Replicator(scenario("market.generated.types=[p9.huge]"), Path()).run(0)


def test_policies_may_be_told_the_truth_of_a_generated_market() -> None:
    told = scenario("market.told=truth", "market.generated.up_h=5000", "market.interruption=0.1")
    (risk,) = {tape.told_per_month for tape in Builder(told, Path()).stage(0).market.tapes}
    assert risk == pytest.approx(1 - 0.9 * math.exp(-730 / 5000))


def test_pods_that_fit_nowhere_are_named() -> None:
    with pytest.raises(InputError, match="deployment shop: has pods that fit on no type of the market"):
        Replicator(scenario("workload.deployments=[{name: shop, replicas: 1, cpu: 9, memory_gib: 2}]"), Path()).run(0)


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (["a,64000,512,0,0,50,10"], "has no pod within most_cpu"),
        (["a,1000,512,0,0,50,10", "a,1000,512,0,20,50,30"], "name: a is there 2 times"),
    ],
    ids=range(2),
)
def test_arrivals_that_cannot_be_played_are_named(tmp_path: Path, rows: list[str], told: str) -> None:
    head = "name,cpu_milli,memory_mib,num_gpu,creation_time,deletion_time,scheduled_time"
    (tmp_path / "pods.csv").write_text("\n".join([head, *rows]))
    with pytest.raises(InputError, match=told):
        Replicator(scenario("workload={arrivals: {file: pods.csv}}"), tmp_path)


def test_what_a_process_has_read_of_other_data_is_not_used_again(tmp_path: Path) -> None:
    """A worker of a cluster outlives a run, and the data of the next may lie where those of the last did."""

    def cost(price: float) -> float:
        pools = product(("use1-az1", "use1-az2", "use1-az3"), ("large", "xlarge"))
        rows = [f"{zone},gpu.{size},0,{price}" for zone, size in pools]
        (tmp_path / "prices.csv").write_text("\n".join(["zone,instance_type,at,usd_per_h", *rows]))
        wanted = scenario("policies=[refill]", "market.prices=prices.csv")
        (order,) = Batches(scenario=wanted, data=tmp_path, replications=1).orders(frozenset())
        return float(compute(order)[0]["cost_usd"])

    assert cost(0.1) == pytest.approx(2 * cost(0.05))


def test_a_missing_recording_is_named(tmp_path: Path) -> None:
    wanted = scenario("market={recorded: {folder: nowhere}}")
    with pytest.raises(InputError, match="nowhere"):
        Batches(scenario=wanted, data=tmp_path, replications=1).manifest()


def test_the_report_says_what_was_found_and_escapes_what_people_wrote(rows: list[Row]) -> None:
    found = compared([*rows, *({**row, "replication": 1} for row in rows)], baseline="on-demand")
    html = simulation_html(found, scenario(), command="spotopt simulate <x>")
    assert "karpenter" in html
    assert "&lt;x&gt;" in html
    assert html.count("<svg") >= 4


@pytest.mark.parametrize(
    ("costs", "told"),
    [
        (
            {"on-demand": (10, 10), "one": (5, 5), "other": (7, 7)},
            "one is the cheapest: 50.0% ± 0.0% against on-demand",
        ),
        (
            {"on-demand": (10, 10), "one": (5, 5.1), "other": (5.2, 5)},
            "one is the cheapest: .*; other is not shown to be",
        ),
        ({"on-demand": (10, 10), "one": (5, 15)}, "No policy is shown to be cheaper than on-demand: one saves 0.0%"),
    ],
    ids=range(3),
)
def test_the_headline_says_no_more_than_was_found(costs: dict[str, tuple[float, float]], told: str) -> None:
    found = compared(
        [
            {"replication": number, "policy": policy, "cost_usd": float(costs[policy][number])}
            for number in range(2)
            for policy in costs
        ],
        baseline="on-demand",
    )
    assert re.match(told, headline(found))


def test_the_command_writes_all_files_and_names_mistakes(tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(TEXT)
    change = ["--set", CHEAP[0], "--workers", "0", "-n", "2", "--output", str(tmp_path / "run")]
    result = CliRunner().invoke(command, [str(path), *change])
    assert result.exit_code == 0, result.output
    names = {"manifest.json", "results.parquet", "summary.json", "report.html", "parts"}
    assert {each.name for each in (tmp_path / "run").iterdir()} == names
    failed = CliRunner().invoke(command, [str(path), "--workers", "0", "--set", "hurs=3"])
    assert isinstance(failed.exception, InputError)


def test_the_manifest_of_a_run_makes_it_again_while_the_data_are_the_same(tmp_path: Path) -> None:
    data = tmp_path / "prices.csv"
    rows = [
        f"{zone},gpu.{size},0,0.05" for zone in ("use1-az1", "use1-az2", "use1-az3") for size in ("large", "xlarge")
    ]
    data.write_text("\n".join(["zone,instance_type,at,usd_per_h", *rows]))
    run = Batches(scenario=scenario(*CHEAP, "market.prices=prices.csv"), data=tmp_path, replications=2)
    simulate(run, tmp_path / "one", InProcess(), on_done=lambda *_: None)
    again = [str(tmp_path / "one" / MANIFEST), "--workers", "0", "--data", str(tmp_path)]
    result = CliRunner().invoke(command, [*again, "--output", str(tmp_path / "two")])
    assert result.exit_code == 0, result.exception
    one, two = ((tmp_path / folder / RESULTS).read_bytes() for folder in ("one", "two"))
    assert one == two
    data.write_text(data.read_text().replace("0.05", "0.06"))
    failed = CliRunner().invoke(command, [*again, "--output", str(tmp_path / "three")])
    assert "are other files by now" in str(failed.exception)
    data.write_text("\n".join(["zone,instance_type,at,usd_per_h", *rows[:-1]]))
    with pytest.raises(InputError, match=r"prices.csv: has no prices of gpu.xlarge in us-east-1\w"):
        Replicator(run.scenario, tmp_path).run(0)


def test_results_are_parquet_with_the_manifest_in_them(tmp_path: Path) -> None:
    simulate(batches(), tmp_path, InProcess(), on_done=lambda *_: None)
    table = parquet.read_table(tmp_path / RESULTS)
    assert table.num_rows == 18
    assert table["policy"][:3].to_pylist() == ["on-demand", "karpenter", "refill"]
    assert orjson.loads(table.schema.metadata[b"manifest"]) == orjson.loads((tmp_path / MANIFEST).read_bytes())


def test_a_table_without_rows_is_still_one(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    with path.open("wb") as file, ParquetWriter(file, [Column(name="n", kind=Kind.INTEGER)], about={}) as writer:
        writer.write([])
    assert parquet.read_table(path).num_rows == 0
