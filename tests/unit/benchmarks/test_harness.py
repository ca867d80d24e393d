import orjson
import pytest

from tests.benchmarks import harness
from tests.benchmarks.errors import LeftOut
from tests.benchmarks.harness import Baseline, Benchmark, at_least, at_most, chosen, left_out, reported, run_here
from tests.benchmarks.table import against, bar, with_unit


def make_benchmark(name, *, rows=(), **changes):
    return Benchmark(name=name, run=lambda series: iter(rows), limit_s=1.0, **changes)


@pytest.fixture
def registered(monkeypatch, tmp_path):
    benchmarks = [
        make_benchmark("openb-default"),
        make_benchmark("openb-other", quick=True),
        make_benchmark("openb-full", by_default=False),
    ]
    monkeypatch.setattr(harness, "REGISTER", {b.name: b for b in benchmarks})
    monkeypatch.setattr(harness, "PARTS", tmp_path)


@pytest.mark.parametrize(
    ("only", "quick", "names"),
    [
        (None, False, ["openb-default", "openb-other"]),
        (None, True, ["openb-other"]),
        ("openb-full", False, ["openb-full"]),
        ("openb", False, ["openb-default", "openb-other"]),
        ("nothing", False, []),
    ],
)
def test_benchmarks_are_chosen_by_name_by_beginning_or_by_default(registered, only, quick, names):
    assert [b.name for b in chosen(only, quick=quick)] == names


def test_a_bar_is_met_on_its_own_side():
    assert at_most("gap", 1.0, "%", bar=1.0).ok
    assert not at_most("gap", 1.01, "%", bar=1.0).ok
    assert at_least("speed", 1000.0, "pods/s", bar=1000.0).ok
    assert not at_least("speed", 999.0, "pods/s", bar=1000.0).ok


def test_a_row_is_written_with_the_seven_fields_of_the_file():
    row = at_most("gap", 0.5, "%", bar=1.0, baseline=Baseline(name="bound", value=2.0, unit="USD/h"))
    assert row.as_json("a machine") == {
        "name": "gap",
        "value": 0.5,
        "unit": "%",
        "bar": 1.0,
        "ok": True,
        "baseline": {"name": "bound", "value": 2.0, "unit": "USD/h"},
        "machine": "a machine",
    }


def test_rows_survive_the_way_through_a_file(registered):
    rows = [
        at_least("speed", 5.0, "pods/s", bar=1.0, baseline=Baseline(name="other", value=2.0, unit="pods/s")),
        reported("cost", 3.0, "USD/h", baseline="a word"),
    ]
    run_here(make_benchmark("speed", rows=rows))
    assert harness.read_rows(harness.part("speed"))[:2] == rows


def test_a_benchmark_that_cannot_run_leaves_a_row_that_says_why(registered):
    def run(series):
        raise LeftOut("no data here")
        yield

    run_here(Benchmark(name="poor", run=run, limit_s=1.0))
    assert harness.read_rows(harness.part("poor")) == [left_out("poor", "no data here")]


def test_series_are_kept_beside_the_rows(registered):
    def run(series):
        series["trace"] = [1, 2]
        yield reported("x", 1.0, "")

    run_here(Benchmark(name="traced", run=run, limit_s=1.0))
    assert orjson.loads(harness.part("traced").read_bytes())["series"] == {"trace": [1, 2]}


def test_figures_are_shown_with_unit_and_bar():
    assert with_unit(None, "s") == "–"
    assert with_unit(12345.6, "pods/s") == "12,346 pods/s"
    assert with_unit(0.12345, "%") == "0.1235 %"
    assert bar(at_least("speed", 5.0, "pods/s", bar=1000.0)) == "≥ 1,000 pods/s"
    assert bar(reported("cost", 3.0, "USD/h")) == ""
    assert against(reported("cost", 3.0, "", baseline=Baseline(name="other", value=4.0, unit="s"))) == "other: 4 s"
