import io

import pytest
from rich.console import Console

from domain.plan import Progress
from serve.terminal.progress import LiveProgress, PlainProgress, SilentProgress, progress_for


def moment(seconds: float, *, cost: float | None, bound: float, phase: str = "columns") -> Progress:
    return Progress(seconds=seconds, phase=phase, cost_usd_per_h=cost, lower_bound_usd_per_h=bound)


def live_frame(*moments: Progress, width: int = 80) -> list[str]:
    console = Console(file=io.StringIO(), width=width, force_terminal=True)
    progress = LiveProgress(console, clock=lambda: 0.0)
    for each in moments:
        progress.update(each)
    return ["".join(segment.text for segment in line) for line in console.render_lines(progress, pad=False)]


def test_both_ends_of_the_track_move_towards_each_other() -> None:
    early = live_frame(moment(1, cost=20, bound=10))[1]
    late = live_frame(moment(1, cost=20, bound=10), moment(2, cost=15, bound=14))[1]

    assert early.count("╌") > late.count("╌") > 0
    assert early.count("━") < late.count("━")


def test_the_track_tells_both_figures_and_the_gap() -> None:
    _, track, gap = live_frame(moment(1, cost=20, bound=10), moment(2, cost=15, bound=12))

    assert track.strip().startswith("proven $12.00")
    assert track.strip().endswith("$15.00 found")
    assert gap.strip().startswith("gap   25.0 %")


@pytest.mark.parametrize("width", [30, 60, 200])
def test_progress_keeps_within_the_terminal(width: int) -> None:
    lines = live_frame(*(moment(n, cost=20 + 1 / (n + 1), bound=10 + n / 10) for n in range(90)), width=width)

    assert max(len(line) for line in lines) <= width


def test_a_gap_closed_at_once_is_drawn_without_dividing_by_nothing() -> None:
    assert "gap      0 %" in live_frame(moment(1, cost=5, bound=5))[2]


def test_before_the_first_plan_only_the_phase_is_shown() -> None:
    frame = live_frame(moment(0.1, cost=None, bound=0.0, phase="classes of pods"))

    assert len(frame) == 1
    assert frame[0].strip().startswith("classes of pods")


def test_plain_lines_are_sparse_and_tell_each_new_phase() -> None:
    out = io.StringIO()
    progress = PlainProgress(Console(file=out, width=200))
    for n in range(100):
        progress.update(moment(n / 10, cost=20, bound=10))
    progress.update(moment(10, cost=20, bound=19, phase="whole nodes"))

    lines = out.getvalue().splitlines()
    assert len(lines) == 3
    assert lines[-1].split(maxsplit=2)[2] == "whole nodes: best $20.00, proven $19.00 per hour, gap 5.26 %"


def test_json_without_a_terminal_shows_no_progress() -> None:
    pipe = Console(file=io.StringIO())

    assert type(progress_for(pipe, quiet_unless_terminal=True)) is SilentProgress
    assert isinstance(progress_for(pipe, quiet_unless_terminal=False), PlainProgress)
    assert isinstance(progress_for(Console(force_terminal=True), quiet_unless_terminal=True), LiveProgress)
