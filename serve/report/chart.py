"""Best cost and proven bound over time as paths of a chart that needs no script."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from domain.plan import Progress
from serve.words import duration, usd

WIDTH, HEIGHT = 1000.0, 300.0
"""Units of the drawing; it is stretched to the page, lines keep their width."""

_TICKS = 4
_CENTS_FROM_USD = 0.08
"""Range of the axis from which marks in whole cents differ from one another."""

_HEADROOM = 0.06
_FOCUS = 3.0
"""The bound often starts near 0, far below where both meet: the axis shows this many times the distance from the final
bound to the highest cost, and what lies below is cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A mark on an axis at a share of its length."""

    at: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Paths in drawing units; ``end_*`` are heights of the last values as shares from the top."""

    cost_path: str
    bound_path: str
    gap_path: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    rows: tuple[Progress, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scale:
    last_s: float
    low: float
    high: float

    def x(self, seconds: float) -> float:
        return round(seconds / self.last_s * WIDTH, 2)

    def y(self, usd: float) -> float:
        share = (min(max(usd, self.low), self.high) - self.low) / (self.high - self.low)
        return round(HEIGHT * (1 - share), 2)


def trace_chart(trace: Sequence[Progress]) -> Chart | None:
    """The chart, ``None`` when there are not two moments with a cost to draw."""
    rows = [progress for progress in trace if progress.cost_usd_per_h is not None]
    if len(rows) < 2 or rows[-1].seconds <= 0:
        return None
    scale = _scale(rows)
    digits = 2 if scale.high - scale.low >= _CENTS_FROM_USD else 4
    costs = _steps([(p.seconds, p.cost_usd_per_h or 0.0) for p in rows], scale)
    bounds = _steps([(p.seconds, p.lower_bound_usd_per_h) for p in rows], scale)
    return Chart(
        cost_path="M" + "L".join(costs),
        bound_path="M" + "L".join(bounds),
        gap_path="M" + "L".join(costs + bounds[::-1]) + "Z",
        x_ticks=tuple(Tick(at=n / _TICKS, text=duration(scale.last_s * n / _TICKS)) for n in range(_TICKS + 1)),
        y_ticks=tuple(
            Tick(at=1 - n / _TICKS, text=usd(scale.low + (scale.high - scale.low) * n / _TICKS, digits=digits))
            for n in range(_TICKS + 1)
        ),
        rows=tuple(rows),
    )


def _scale(rows: Sequence[Progress]) -> _Scale:
    highest = max(progress.cost_usd_per_h or 0.0 for progress in rows)
    bound = rows[-1].lower_bound_usd_per_h
    spread = max(highest - bound, highest * 0.01, 1e-6)
    lowest = max(min(progress.lower_bound_usd_per_h for progress in rows), highest - _FOCUS * spread, 0.0)
    room = (highest - lowest) * _HEADROOM
    return _Scale(last_s=rows[-1].seconds, low=max(0.0, lowest - room), high=highest + room)


def _steps(points: Sequence[tuple[float, float]], scale: _Scale) -> list[str]:
    """Corners of a step line: a value holds until the next one."""
    corners = [f"{scale.x(points[0][0])} {scale.y(points[0][1])}"]
    for (_, before), (seconds, value) in pairwise(points):
        corners += [f"{scale.x(seconds)} {scale.y(before)}", f"{scale.x(seconds)} {scale.y(value)}"]
    return corners
