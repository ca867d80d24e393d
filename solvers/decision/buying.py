"""How the nodes of a proposal are bought: from pools that may be used, on demand where Spot will not do."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from domain.plan import Reason
from domain.policy import Capacity
from domain.proposal import Concern, Proposal, ProposedLaunch, RatedPool
from solvers.decision.facts import DecisionPolicy, Facts, Fallback


@dataclass(frozen=True, slots=True, kw_only=True)
class Bought:
    """A proposal with its launches as they can be bought. ``missing`` names the launch that cannot, and why."""

    proposal: Proposal
    changes: tuple[Reason, ...] = ()
    missing: str = ""


def buy(proposal: Proposal, *, facts: Facts, policy: DecisionPolicy, fallbacks: Mapping[str, Fallback]) -> Bought:
    """Leave out what is avoided, buy on demand what has to be, and correct the saving by the prices.

    What AWS takes goes whether or not it can be replaced, so of an interruption launches that cannot be bought are left
    out; any other proposal without one of its launches would leave pods without a place.
    """
    launches: list[ProposedLaunch] = []
    changes: list[Reason] = []
    extra_usd_per_h = 0.0
    for launch in proposal.launches:
        bought, change = _buy_one(launch, proposal, facts=facts, policy=policy, fallbacks=fallbacks)
        changes += [change] if change else []
        if bought is not None:
            launches.append(bought)
            extra_usd_per_h += _price(bought) - _price(launch)
        elif proposal.concern is not Concern.LOSS:
            return Bought(proposal=proposal, missing=change.text if change else f"nothing to buy for {launch.name}")
        else:
            extra_usd_per_h -= _price(launch)
    saving = proposal.saving_usd_per_h - extra_usd_per_h
    return Bought(proposal=replace(proposal, launches=tuple(launches), saving_usd_per_h=saving), changes=tuple(changes))


def risk_of(launch: ProposedLaunch) -> float:
    """Interruption probability per month of the worst pool that it may come from; 0 on demand."""
    return max((one.interruption_per_month for one in launch.spot), default=0.0)


def risk_before(proposal: Proposal, facts: Facts) -> float:
    """Interruption probability per month of the safest node that a proposal removes; 0 when it removes none."""
    nodes = [facts.nodes[name] for name in proposal.removes if name in facts.nodes]
    return min((node.interruption_per_month for node in nodes), default=0.0)


def _buy_one(
    launch: ProposedLaunch,
    proposal: Proposal,
    *,
    facts: Facts,
    policy: DecisionPolicy,
    fallbacks: Mapping[str, Fallback],
) -> tuple[ProposedLaunch | None, Reason | None]:
    fallback = fallbacks.get(launch.template)
    allowed, why = _allowed(launch, proposal, facts=facts, policy=policy, fallback=fallback)
    if not launch.spot or (len(allowed) == len(launch.spot) and not why):
        return launch, None
    if allowed:
        left_out = len(launch.spot) - len(allowed)
        text = f"{launch.name}: {left_out} of {len(launch.spot)} Spot pools are left out: {why}"
        return replace(launch, spot=allowed), Reason(code="pools_left_out", text=text)
    if launch.on_demand and policy.base.capacity is not Capacity.SPOT:
        text = f"{launch.name} is bought on demand: {why}"
        return replace(launch, spot=()), Reason(code="on_demand", text=text)
    text = f"{launch.name} cannot be bought: {why}, and on-demand is not allowed"
    return None, Reason(code="nothing_to_buy", text=text)


def _allowed(
    launch: ProposedLaunch, proposal: Proposal, *, facts: Facts, policy: DecisionPolicy, fallback: Fallback | None
) -> tuple[tuple[RatedPool, ...], str]:
    """Spot pools that may be used, and why the others may not. Only what saves money is left with
    nothing but risky pools, for the judge to refuse.
    """
    if fallback is not None and fallback.active:
        return (), f"{launch.template} has fallen back to on-demand: {fallback.reason}"
    usable = tuple(one for one in launch.spot if one.pool not in facts.flagged and one.pool not in facts.resting)
    if not usable:
        return (), "every Spot pool is flagged or had no room"
    calm = tuple(one for one in usable if one.interruption_per_month <= _bearable(proposal, facts, policy))
    if calm or proposal.concern is not Concern.SAVING:
        return calm, "flagged, without room, or risky" if len(calm) < len(launch.spot) else ""
    return usable, "flagged or without room" if len(usable) < len(launch.spot) else ""


def _bearable(proposal: Proposal, facts: Facts, policy: DecisionPolicy) -> float:
    """Risk per month that a replacement may have: the limit, or that of the safest node it replaces, if higher."""
    return max(policy.max_risk_per_month, risk_before(proposal, facts))


def _price(launch: ProposedLaunch) -> float:
    return (*launch.spot, *launch.on_demand)[0].price_usd_per_h
