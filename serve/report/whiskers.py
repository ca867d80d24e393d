"""Means with their intervals as one SVG drawing: a row for each policy, one scale for all."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, ROW, NAME, FIGURE, PAD = 720.0, 30.0, 190.0, 150.0, 6.0
"""Units of the drawing: its width, the height of a row, what names and figures take on either side, the rim."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Whisker:
    """A mean, half of the interval around it, and the figure as text."""

    name: str
    mean: float
    half_width: float
    text: str


def whisker_chart(rows: Sequence[Whisker]) -> str:
    """The drawing. The scale begins at 0 unless a value lies below it."""
    low = min(0.0, *(row.mean - row.half_width for row in rows))
    high = max(row.mean + row.half_width for row in rows)
    span = (high - low) or 1.0
    room = WIDTH - NAME - FIGURE - 2 * PAD
    height = ROW * len(rows) + 2 * PAD

    def x(value: float) -> float:
        return round(NAME + PAD + (value - low) / span * room, 1)

    head = (
        f'<svg class="whiskers" viewBox="0 0 {WIDTH:g} {height:g}" role="img" aria-label="{escape(_spoken(rows))}" '
        'xmlns="http://www.w3.org/2000/svg" font-family="system-ui, sans-serif" font-size="13">'
    )
    zero = f'<line x1="{x(0.0)}" x2="{x(0.0)}" y1="{PAD}" y2="{height - PAD}" stroke="currentColor" opacity=".25"/>'
    parts = [head, zero]
    for number, row in enumerate(rows):
        ends = (x(row.mean - row.half_width), x(row.mean + row.half_width))
        parts += _row(row, PAD + ROW * (number + 0.5), at=x(row.mean), ends=ends, zero=x(0.0))
    return "".join([*parts, "</svg>"])


def _row(row: Whisker, y: float, *, at: float, ends: tuple[float, float], zero: float) -> list[str]:
    left, right = ends
    begin, width = min(zero, at), abs(at - zero)
    return [
        f'<text x="{NAME - PAD}" y="{y + 4:g}" text-anchor="end" fill="currentColor">{escape(row.name)}</text>',
        f'<rect x="{begin:g}" y="{y - 7:g}" width="{width:g}" height="14" rx="3" fill="#0a7656" opacity=".35"/>',
        f'<line x1="{left:g}" x2="{right:g}" y1="{y:g}" y2="{y:g}" stroke="#0a7656" stroke-width="2"/>',
        f'<circle cx="{at:g}" cy="{y:g}" r="4" fill="#0a7656"/>',
        f'<text x="{WIDTH - FIGURE + PAD:g}" y="{y + 4:g}" fill="currentColor">{escape(row.text)}</text>',
    ]


def _spoken(rows: Sequence[Whisker]) -> str:
    return "; ".join(f"{row.name}: {row.text}" for row in rows)
