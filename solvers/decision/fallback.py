"""When a template is bought on demand for now, and when it returns to Spot.

Spot is worth its interruptions while it costs less than on-demand together with what they cost. Two thresholds apart
and a stay that doubles keep it from flapping: a template that falls back again soon after its return stays twice as
long.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from domain.proposal import Proposal, RatedPool
from domain.units import HOURS_PER_MONTH
from solvers.decision.facts import CapacityFailure, DecisionPolicy, Facts, Fallback


@dataclass(frozen=True, slots=True, kw_only=True)
class _Worth:
    """What the best pool of a template costs with its interruptions, as a share of the on-demand price."""

    share: float
    interruptions_per_month: float


def next_fallbacks(
    proposals: Iterable[Proposal], *, facts: Facts, policy: DecisionPolicy, now: datetime
) -> tuple[Fallback, ...]:
    """Fallbacks from now on, by template: those that begin, go on, or are remembered so that the next is longer."""
    known = {one.template: one for one in facts.fallbacks}
    worths = _best_worth(proposals, facts, policy)
    templates = sorted({*known, *worths, *(one.template for one in facts.capacity_failures)})
    found = (
        _next(template, known.get(template), worth=worths.get(template), facts=facts, policy=policy, now=now)
        for template in templates
    )
    return tuple(one for one in found if one is not None)


def _next(
    template: str, last: Fallback | None, *, worth: _Worth | None, facts: Facts, policy: DecisionPolicy, now: datetime
) -> Fallback | None:
    cause = _cause(template, worth, facts=facts, policy=policy, now=now)
    if last is not None and last.active:
        return _stay_or_return(last, cause, worth=worth, policy=policy, now=now)
    if cause:
        flips = last.flips + 1 if last is not None else 1
        stay_s = min(policy.max_stay_s, policy.min_stay_s * 2 ** min(flips - 1, 20))
        until = now + timedelta(seconds=stay_s)
        return Fallback(template=template, since=now, not_before=until, reason=cause, flips=flips)
    if last is not None and now - last.not_before < timedelta(seconds=policy.max_stay_s):
        return last
    return None


def _stay_or_return(
    last: Fallback, cause: str, *, worth: _Worth | None, policy: DecisionPolicy, now: datetime
) -> Fallback:
    """It returns when its time is over, nothing speaks for another fallback, and Spot is clearly worth it."""
    calm = not cause and (worth is None or worth.share <= policy.leave_share)
    if now < last.not_before or not calm:
        return last
    return replace(last, active=False, not_before=now)


def _cause(template: str, worth: _Worth | None, *, facts: Facts, policy: DecisionPolicy, now: datetime) -> str:
    since = now - timedelta(seconds=policy.fallback_window_s)
    failures = _requests(one for one in facts.capacity_failures if one.template == template and since < one.at <= now)
    if failures >= policy.fallback_failures:
        return f"{failures} requests without capacity within {policy.fallback_window_s / 60:.0f} minutes"
    if worth is None or worth.share < policy.enter_share:
        return ""
    taken = f"AWS takes its nodes {worth.interruptions_per_month:.1f} times a month"
    return f"the best Spot pool costs more than on demand with its interruptions: {taken}"


def _requests(failures: Iterable[CapacityFailure]) -> int:
    """One request names many pools and fails at one moment: it counts once."""
    return len({one.at for one in failures})


def _best_worth(proposals: Iterable[Proposal], facts: Facts, policy: DecisionPolicy) -> Mapping[str, _Worth]:
    """The best of any pool that may be used, by template, where there is on-demand capacity to compare it with."""
    best: dict[str, _Worth] = {}
    for proposal in proposals:
        for launch in proposal.launches:
            for rated in launch.spot if launch.on_demand else ():
                if rated.pool not in facts.flagged:
                    worth = _worth(rated, launch.on_demand[0], policy)
                    best[launch.template] = min(best.get(launch.template, worth), worth, key=lambda one: one.share)
    return best


def _worth(spot: RatedPool, on_demand: RatedPool, policy: DecisionPolicy) -> _Worth:
    """A probability of 1 has no rate: nothing is worth that."""
    per_month = -math.log1p(-spot.interruption_per_month) if spot.interruption_per_month < 1 else math.inf
    lost = per_month * policy.interruption_cost_h / HOURS_PER_MONTH if policy.interruption_cost_h else 0.0
    return _Worth(share=spot.price_usd_per_h / on_demand.price_usd_per_h + lost, interruptions_per_month=per_month)
