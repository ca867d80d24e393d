"""How many nodes of a NodePool may be disrupted at once, by its own disruption budgets.

A budget that names reasons counts where it names ``Underutilized``, Karpenter's word for what a plan does. Nodes that
Karpenter is disrupting already are not known here and not taken off.
"""

import re
from calendar import day_abbr, month_abbr
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from domain.canonical import KubeObject

REASON = "Underutilized"
HOLD_STILL: Mapping[str, Any] = {"nodes": "0"}
"""The budget that keeps Karpenter from disrupting anything of its own choice: the most restrictive one wins."""

_DESCRIPTORS = {
    "@annually": "0 0 1 1 *",
    "@yearly": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_MONTHS = {name.lower(): n for n, name in enumerate(month_abbr) if name}
_DAYS = {name.lower(): (n + 1) % 7 for n, name in enumerate(day_abbr)}
_FIELDS: tuple[tuple[int, int, Mapping[str, int]], ...] = (
    (0, 59, {}),
    (0, 23, {}),
    (1, 31, {}),
    (1, 12, _MONTHS),
    (0, 6, _DAYS),
)
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:0s)?")


def budgets_of(pool: KubeObject) -> list[dict[str, Any]]:
    """The disruption budgets of a NodePool."""
    return list(((pool.get("spec") or {}).get("disruption") or {}).get("budgets") or ())


def allowed_disruptions(pool: KubeObject, *, nodes: int, now: datetime) -> tuple[int, str]:
    """The nodes that may go at once (of ``nodes``), and the budget that says so; all of them where none is active."""
    least, why = nodes, ""
    for budget in budgets_of(pool):
        if REASON not in (budget.get("reasons") or [REASON]) or not _is_active(budget, now.astimezone(UTC)):
            continue
        share = _count(str(budget.get("nodes", "10%")), nodes)
        if share < least:
            least, why = share, _told(budget)
    return least, why


def _count(text: str, nodes: int) -> int:
    """Percentages are rounded up, as Karpenter does."""
    return -(-int(text[:-1]) * nodes // 100) if text.endswith("%") else int(text)


def _told(budget: Mapping[str, Any]) -> str:
    when = f" from {budget['schedule']} for {budget.get('duration')}" if budget.get("schedule") else ""
    return f"nodes {budget.get('nodes')}{when}"


def _is_active(budget: Mapping[str, Any], now: datetime) -> bool:
    """Whether its schedule has begun a window that has not ended. What cannot be read counts as active."""
    schedule = str(budget.get("schedule") or "")
    if not schedule:
        return True
    matched = _DURATION.fullmatch(str(budget.get("duration") or ""))
    try:
        fields = _fields(schedule)
    except ValueError:
        return True
    if matched is None:
        return True
    lasts = timedelta(hours=int(matched[1] or 0), minutes=int(matched[2] or 0))
    minute = now.replace(second=0, microsecond=0)
    while now - minute < lasts:
        if _hits(fields, minute):
            return True
        minute -= timedelta(minutes=1)
    return False


def _hits(fields: list[frozenset[int] | None], at: datetime) -> bool:
    """As cron has it: where day of the month and day of the week are both named, one of them is enough."""
    minute, hour, day, month, weekday = fields
    if not all(field is None or value in field for field, value in ((minute, at.minute), (hour, at.hour))):
        return False
    if month is not None and at.month not in month:
        return False
    on_day = day is None or at.day in day
    on_weekday = weekday is None or (at.weekday() + 1) % 7 in weekday
    return on_day or on_weekday if day is not None and weekday is not None else on_day and on_weekday


def _fields(schedule: str) -> list[frozenset[int] | None]:
    parts = _DESCRIPTORS.get(schedule, schedule).lower().split()
    if len(parts) != len(_FIELDS):
        raise ValueError(f"{schedule!r} is no schedule")
    return [_field(part, *bounds) for part, bounds in zip(parts, _FIELDS, strict=True)]


def _field(text: str, first: int, last: int, names: Mapping[str, int]) -> frozenset[int] | None:
    if text in ("*", "?"):
        return None
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        low, dash, high = span.partition("-")
        begin = first if low in ("*", "?") else _number(low, names)
        end = last if low in ("*", "?") or (step and not dash) else begin
        end = _number(high, names) if dash else end
        if not first <= begin <= end <= last or (step and int(step) < 1):
            raise ValueError(f"{part!r} is not within {first} to {last}")
        found |= set(range(begin, end + 1, int(step or 1)))
    return frozenset(found)


def _number(text: str, names: Mapping[str, int]) -> int:
    return names[text] if text in names else int(text)
