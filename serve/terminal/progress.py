"""Best cost and proven bound closing in on each other, on stderr."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.live import Live
from rich.text import Text

from domain.plan import Progress
from serve.words import duration, gap_text, usd_per_h

_REFRESHES_PER_S = 8
_SPARKS = "▁▂▃▄▅▆▇█"
_SPARKLINE_WIDTH = 24
_PLAIN_EVERY_S = 5.0
"""How often a log gets a line: often enough to see life, seldom enough to read."""

Clock = Callable[[], float]


def gap_of(progress: Progress) -> float | None:
    """Best cost over proven bound, minus 1; ``None`` while one of both is missing."""
    cost, bound = progress.cost_usd_per_h, progress.lower_bound_usd_per_h
    return None if cost is None or not bound > 0 else max(0.0, cost / bound - 1)


class SilentProgress:
    """Shows nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        return None

    def update(self, progress: Progress) -> None:
        """Take note of where the solver is."""

    def say(self, text: str) -> None:
        """Tell one thing that is not a figure."""


class PlainProgress(SilentProgress):
    """A line for each phase and every few seconds, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._phase = ""
        self._printed_at_s = float("-inf")

    def update(self, progress: Progress) -> None:
        """Print a line when the phase changed or the last line is old."""
        if progress.phase == self._phase and progress.seconds - self._printed_at_s < _PLAIN_EVERY_S:
            return
        self._phase, self._printed_at_s = progress.phase, progress.seconds
        gap = gap_of(progress)
        figures = f"best {usd_per_h(progress.cost_usd_per_h)}, proven {usd_per_h(progress.lower_bound_usd_per_h)}"
        self.say(
            f"{duration(progress.seconds):>7}  {progress.phase}: "
            + ("no plan yet" if progress.cost_usd_per_h is None else f"{figures} per hour")
            + (f", gap {gap_text(gap)}" if gap is not None else "")
        )

    def say(self, text: str) -> None:
        """Print one line."""
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)


class LiveProgress(SilentProgress):
    """Two ends of one track that move towards each other: what is proven from the left, what is found from the right.

    Parameters
    ----------
    console
        Where to draw; a terminal.
    clock
        Seconds, for the elapsed time between reports.
    """

    def __init__(self, console: Console, *, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._started_s = clock()
        self._last: Progress | None = None
        self._message = "reading the cluster"
        self._gaps: list[float] = []
        self._low = self._high = 0.0
        self._live = Live(self, console=console, refresh_per_second=_REFRESHES_PER_S, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._live.stop()

    def update(self, progress: Progress) -> None:
        """Take note; the screen is drawn at its own pace."""
        gap = gap_of(progress)
        if gap is not None and progress.cost_usd_per_h is not None:
            bound = progress.lower_bound_usd_per_h
            self._low = bound if not self._gaps else min(self._low, bound)
            self._high = max(self._high, progress.cost_usd_per_h)
            self._gaps.append(gap)
        self._last, self._message = progress, progress.phase

    def say(self, text: str) -> None:
        """Change what the first line says."""
        self._message = text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = min(options.max_width, 100)
        head = Text(f" {self._message}", style="bold", no_wrap=True, overflow="ellipsis")
        elapsed = duration(self._clock() - self._started_s)
        head.truncate(width - len(elapsed) - 2, overflow="ellipsis", pad=True)
        head.append(f"{elapsed} ", style="dim")
        lines = [head]
        if self._last is not None and self._gaps:
            lines += [self._track(self._last, width=width), self._gap_line()]
        yield Group(*lines)

    def _track(self, progress: Progress, *, width: int) -> Text:
        left = f" proven {usd_per_h(progress.lower_bound_usd_per_h)} "
        right = f" {usd_per_h(progress.cost_usd_per_h)} found "
        room = max(10, width - len(left) - len(right))
        span = self._high - self._low
        low = (progress.lower_bound_usd_per_h - self._low) / span if span > 0 else 1.0
        high = ((progress.cost_usd_per_h or self._high) - self._low) / span if span > 0 else 1.0
        proven = max(1, min(room - 1, round(low * room)))
        found = max(proven, min(room - 1, round(high * room)))
        track = Text(left, style="cyan")
        track.append("━" * proven, style="cyan").append("╌" * (found - proven), style="dim")
        return track.append("━" * (room - found), style="green").append(right, style="green")

    def _gap_line(self) -> Text:
        step = max(1, -(-len(self._gaps) // _SPARKLINE_WIDTH))
        shown = self._gaps[::step]
        top = max(shown) or 1.0
        spark = "".join(_SPARKS[min(7, int(8 * gap / top))] for gap in shown)
        line = Text(f" gap {gap_text(self._gaps[-1]):>8}  ", style="bold")
        return line.append(spark, style="yellow")


def progress_for(console: Console, *, quiet_unless_terminal: bool) -> SilentProgress:
    """The way of showing progress that suits where stderr goes."""
    if console.is_terminal:
        return LiveProgress(console)
    return SilentProgress() if quiet_unless_terminal else PlainProgress(console)
