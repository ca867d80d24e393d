"""When a template is bought on demand for now, and when it returns to Spot.

Two thresholds far apart and a stay that doubles keep it from flapping: a template that falls back again soon after its
return stays twice as long.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from domain.proposal import Proposal
from solvers.decision.facts import CapacityFailure, DecisionPolicy, Facts, Fallback


def next_fallbacks(
    proposals: Iterable[Proposal], *, facts: Facts, policy: DecisionPolicy, now: datetime
) -> tuple[Fallback, ...]:
    """Fallbacks from now on, by template: those that begin, go on, or are remembered so that the next is longer."""
    known = {one.template: one for one in facts.fallbacks}
    risks = _best_risk(proposals, facts)
    templates = sorted({*known, *risks, *(one.template for one in facts.capacity_failures)})
    found = (
        _next(template, known.get(template), risk=risks.get(template), facts=facts, policy=policy, now=now)
        for template in templates
    )
    return tuple(one for one in found if one is not None)


def _next(
    template: str, last: Fallback | None, *, risk: float | None, facts: Facts, policy: DecisionPolicy, now: datetime
) -> Fallback | None:
    cause = _cause(template, risk, facts=facts, policy=policy, now=now)
    if last is not None and last.active:
        return _stay_or_return(last, cause, risk=risk, policy=policy, now=now)
    if cause:
        flips = last.flips + 1 if last is not None else 1
        stay_s = min(policy.max_stay_s, policy.min_stay_s * 2 ** min(flips - 1, 20))
        until = now + timedelta(seconds=stay_s)
        return Fallback(template=template, since=now, not_before=until, reason=cause, flips=flips)
    if last is not None and now - last.not_before < timedelta(seconds=policy.max_stay_s):
        return last
    return None


def _stay_or_return(
    last: Fallback, cause: str, *, risk: float | None, policy: DecisionPolicy, now: datetime
) -> Fallback:
    """It returns when its time is over, nothing speaks for another fallback, and the risk is clearly lower."""
    calm = not cause and (risk is None or risk <= policy.leave_risk)
    if now < last.not_before or not calm:
        return last
    return replace(last, active=False, not_before=now)


def _cause(template: str, risk: float | None, *, facts: Facts, policy: DecisionPolicy, now: datetime) -> str:
    since = now - timedelta(seconds=policy.fallback_window_s)
    failures = _requests(one for one in facts.capacity_failures if one.template == template and since < one.at <= now)
    if failures >= policy.fallback_failures:
        return f"{failures} requests without capacity within {policy.fallback_window_s / 60:.0f} minutes"
    if risk is not None and risk >= policy.enter_risk:
        return f"the safest pool is interrupted with a probability of {risk:.0%} a month"
    return ""


def _requests(failures: Iterable[CapacityFailure]) -> int:
    """One request names many pools and fails at one moment: it counts once."""
    return len({one.at for one in failures})


def _best_risk(proposals: Iterable[Proposal], facts: Facts) -> Mapping[str, float]:
    """The lowest risk of any pool that may be used, by template."""
    best: dict[str, float] = {}
    for proposal in proposals:
        for launch in proposal.launches:
            for rated in launch.spot:
                if rated.pool not in facts.flagged:
                    lowest = min(best.get(launch.template, 1.0), rated.interruption_per_month)
                    best[launch.template] = lowest
    return best
