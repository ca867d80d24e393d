import io
import re
from dataclasses import replace

import pytest
from rich.console import Console

from domain.plan import Plan
from domain.snapshot import Snapshot
from serve.terminal.result import print_result
from tests.unit.serve.builders import make_plan, make_snapshot

SNAPSHOT = make_snapshot()
PLAN = make_plan(SNAPSHOT)


def shown(plan: Plan = PLAN, snapshot: Snapshot = SNAPSHOT, *, width: int = 80, colours: bool = False) -> str:
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=colours, color_system="standard" if colours else None)
    print_result(console, plan, snapshot=snapshot, loss_share=0.5, prices_as_of="2026-10-01")
    return out.getvalue()


def line_of(text: str, start: str) -> str:
    return next(line for line in text.splitlines() if line.strip().startswith(start))


def test_cost_saving_bound_and_gap_are_told_per_hour_and_month() -> None:
    text = shown()

    assert line_of(text, "now ").split() == ["now", "$4.02", "$2,936"]
    assert line_of(text, "planned").split() == ["planned", "$1.58", "$1,150"]
    assert line_of(text, "saving").split() == ["saving", "$2.45", "$1,786", "61", "%"]
    assert line_of(text, "proven lower").split() == ["proven", "lower", "bound", "$1.55", "$1,133", "gap", "1.52", "%"]


def test_amounts_are_aligned_on_their_last_digit() -> None:
    text = shown()

    ends = {re.search(r"\$[\d,]+(?=\s|$)", line_of(text, name)[28:]).end() for name in ("now ", "planned", "saving")}

    assert len(ends) == 1


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    assert max(len(line) for line in shown(width=width).splitlines()) <= width


def test_without_a_terminal_there_are_no_colours() -> None:
    assert "\x1b" not in shown()
    assert "\x1b" in shown(colours=True)


def test_the_fleet_is_shown_before_and_after_by_type() -> None:
    assert line_of(shown(), "c5.4xlarge").split() == ["c5.4xlarge", "on-demand", "2", "·", "1.360", "·"]
    assert line_of(shown(), "m6a.4xlarge").split()[:4] == ["m6a.4xlarge", "Spot", "·", "3"]


def test_actions_of_few_nodes_are_told_one_by_one_in_order() -> None:
    small = make_snapshot(nodes=4, pods_per_node=2)
    text = " ".join(shown(make_plan(small), small, width=120).split())

    first, then, last = "launch new-1, m6a.4xlarge Spot", "evict 2 pods from ip-10-0-0-0", "terminate ip-10-0-0-0"
    assert text.index(first) < text.index("cordon ip-10-0-0-0") < text.index(then) < text.index(last)


def test_actions_of_many_nodes_are_told_together() -> None:
    text = " ".join(shown(width=120).split())

    assert "1 launch 5 nodes 3 × m6a.4xlarge Spot, 1 × r6i.2xlarge Spot, 1 × m7i.2xlarge Spot" in text
    assert "3 evict 40 pods from 5 nodes its node goes" in text
    assert "saves 0.384 USD per hour (and 3 other reasons)" in text


def test_a_long_list_of_actions_is_cut_with_a_word_on_where_all_are() -> None:
    large = make_snapshot(nodes=120, pods_per_node=2)

    assert "more lines; --json or --report has all" in shown(make_plan(large), large)


def test_nodes_left_alone_for_the_same_reason_are_told_together() -> None:
    assert "ip-10-0-0-5.ec2.internal and 1 more" in shown(width=120)


def test_each_pod_that_fits_nowhere_is_told_with_what_binds() -> None:
    assert "data/huge-0 memory: requests 3 TiB" in re.sub(r" +", " ", shown())


def test_each_node_left_alone_is_told_with_its_reason() -> None:
    assert "pod web/job-1 must not be evicted (karpenter.sh/do-not-disrupt)" in shown(width=120)


def test_names_that_look_like_markup_are_printed_as_they_are() -> None:
    hostile = replace(PLAN.kept[0], node="[bold]node[/nothing]")

    assert "[bold]node[/nothing]" in shown(replace(PLAN, kept=(hostile,), notes=("[red]note",)), width=120)


def test_a_plan_that_changes_nothing_says_so() -> None:
    text = shown(replace(PLAN, actions=(), planned_cost_usd_per_h=PLAN.cost_usd_per_h))

    assert "Nothing to do: what runs is left as it is." in text


def test_a_plan_without_anything_is_still_printed() -> None:
    empty = replace(
        PLAN,
        cost_usd_per_h=0.0,
        planned_cost_usd_per_h=0.0,
        lower_bound_usd_per_h=0.0,
        nodes=(),
        actions=(),
        kept=(),
        unschedulable=(),
    )
    text = shown(empty, replace(SNAPSHOT, nodes=(), pods=()))

    assert "0 nodes, 0 pods" in text
    assert "nothing to prove" in text
