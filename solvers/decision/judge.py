"""The rules that judge one proposal by itself, each in a function that says why not."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.plan import Reason
from domain.proposal import Concern, Proposal
from solvers.decision.buying import risk_before, risk_of
from solvers.decision.decision import Refusal, Rule
from solvers.decision.facts import DecisionPolicy, Facts


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A proposal before the judge. ``payback_h`` is the time in which it earns back its disruption."""

    proposal: Proposal
    facts: Facts
    policy: DecisionPolicy
    now: datetime
    payback_h: float


def first_refusal(case: Case) -> Refusal | None:
    """The first rule that refuses. What AWS takes is refused by none: it goes anyway."""
    if case.proposal.concern is Concern.LOSS:
        return None
    refusals = (rule(case) for rule in _RULES)
    return next((one for one in refusals if one is not None), None)


def payback_h(proposal: Proposal, *, facts: Facts, policy: DecisionPolicy, now: datetime) -> float:
    """Hours until the saving has paid for evictions, for old and new nodes side by side, and for recent churn."""
    evictions = proposal.evictions * policy.base.eviction_cost_usd
    overlap = sum((*one.spot, *one.on_demand)[0].price_usd_per_h for one in proposal.launches) * policy.overlap_h
    cost = (evictions + overlap) * (1.0 + _churn(proposal, facts=facts, policy=policy, now=now))
    if proposal.saving_usd_per_h <= 0:
        return float("inf")
    return cost / proposal.saving_usd_per_h


def refuse(
    proposal: Proposal, rule: Rule, text: str, *, against: str = "", again_at: datetime | None = None
) -> Refusal:
    """A refusal by a rule."""
    return Refusal(
        proposal=proposal.id, rule=rule, reason=Reason(code=rule, text=text), against=against, again_at=again_at
    )


def _churn(proposal: Proposal, *, facts: Facts, policy: DecisionPolicy, now: datetime) -> float:
    """How often a node of these templates was disrupted within the window, on average."""
    templates = {facts.nodes[name].template for name in proposal.removes if name in facts.nodes}
    nodes = sum(node.template in templates for node in facts.nodes.values())
    since = now - timedelta(seconds=policy.churn_window_s)
    past = sum(one.template in templates and since < one.at <= now for one in facts.disruptions)
    return past / nodes if nodes else 0.0


def _stale(case: Case) -> Refusal | None:
    age_s = (case.now - case.proposal.observed_at).total_seconds()
    if age_s <= case.policy.max_age_s:
        return None
    return refuse(case.proposal, Rule.STALE, f"made for a cluster seen {age_s:.0f} s ago")


def _interrupted(case: Case) -> Refusal | None:
    lost = sorted(case.proposal.nodes & case.facts.going)
    if not lost:
        return None
    return refuse(case.proposal, Rule.INTERRUPTED_FIRST, f"AWS takes node {lost[0]}", against=lost[0])


def _unknown(case: Case) -> Refusal | None:
    gone = sorted(case.proposal.nodes - case.facts.nodes.keys())
    return refuse(case.proposal, Rule.UNKNOWN_NODE, f"there is no node {gone[0]}", against=gone[0]) if gone else None


def _busy(case: Case) -> Refusal | None:
    taken = sorted(case.proposal.nodes & case.facts.busy.keys())
    if not taken:
        return None
    plan = case.facts.busy[taken[0]]
    text = f"plan {plan} is at work on node {taken[0]}"
    return refuse(case.proposal, Rule.ONE_PLAN_PER_NODE, text, against=plan)


def _protected(case: Case) -> Refusal | None:
    for name in sorted(case.proposal.removes):
        if case.facts.nodes[name].protected:
            text = f"node {name} must stay: {case.facts.nodes[name].protected}"
            return refuse(case.proposal, Rule.PROTECTED, text, against=name)
    return None


def _asleep(case: Case) -> Refusal | None:
    if case.facts.asleep and case.proposal.concern is Concern.SAVING:
        return refuse(case.proposal, Rule.ASLEEP, "the cluster sleeps or is about to")
    return None


def _risky(case: Case) -> Refusal | None:
    """Never remove a node whose pods would land on something that may not last."""
    for name in sorted(case.proposal.uses):
        if not case.facts.nodes[name].ready or case.facts.nodes[name].cordoned:
            text = f"its pods would go to node {name}, which takes none now"
            return refuse(case.proposal, Rule.RISKY_REPLACEMENT, text, against=name)
    if not case.proposal.removes:
        return None
    before = risk_before(case.proposal, case.facts)
    for launch in case.proposal.launches:
        risk = risk_of(launch)
        if risk > max(case.policy.max_risk_per_month, before):
            text = f"{launch.name} would be taken by AWS within a month with a probability of {risk:.0%}"
            return refuse(case.proposal, Rule.RISKY_REPLACEMENT, text, against=str(launch.spot[0].pool))
    return None


def _cooldown(case: Case) -> Refusal | None:
    if case.proposal.concern is not Concern.SAVING:
        return None
    rest = timedelta(seconds=case.policy.cooldown_s)
    changed = {name: case.facts.nodes[name].changed_at for name in case.proposal.removes}
    ends = {name: at + rest for name, at in changed.items() if at is not None and at + rest > case.now}
    if not ends:
        return None
    name = max(ends, key=lambda one: (ends[one], one))
    text = f"node {name} was changed less than {case.policy.cooldown_s:.0f} s ago"
    return refuse(case.proposal, Rule.COOLDOWN, text, against=name, again_at=ends[name])


def _gain(case: Case) -> Refusal | None:
    proposal = case.proposal
    if proposal.concern is not Concern.SAVING:
        return None
    paid = sum(case.facts.nodes[name].price_usd_per_h or 0.0 for name in proposal.removes)
    least = paid * case.policy.base.node_min_saving_share
    if proposal.saving_usd_per_h > 0 and proposal.saving_usd_per_h >= least:
        return None
    text = f"saves ${proposal.saving_usd_per_h:.4f} an hour of ${paid:.4f}, at least ${least:.4f} are asked for"
    return refuse(proposal, Rule.NO_GAIN, text)


def _pays_back(case: Case) -> Refusal | None:
    if case.proposal.concern is not Concern.SAVING or case.payback_h <= case.policy.base.payback_h:
        return None
    text = f"earns back its disruption in {case.payback_h:.1f} h, {case.policy.base.payback_h:.1f} h are allowed"
    return refuse(case.proposal, Rule.PAYBACK, text)


_RULES: tuple[Callable[[Case], Refusal | None], ...] = (
    _stale, _interrupted, _unknown, _busy, _protected, _asleep, _risky, _cooldown, _gain, _pays_back,
)  # fmt: skip
"""In this order: what cannot be comes before what should not be."""
