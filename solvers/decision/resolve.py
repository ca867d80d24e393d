"""One plan of action out of all proposals."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import isfinite

from domain.errors import InputError
from domain.plan import Reason
from domain.policy import Capacity
from domain.proposal import Concern, Proposal
from solvers.decision.buying import buy
from solvers.decision.decision import Chosen, Decision, Refusal, Rule
from solvers.decision.facts import DecisionPolicy, Facts
from solvers.decision.fallback import next_fallbacks
from solvers.decision.judge import Case, first_refusal, payback_h, refuse


def resolve(proposals: Iterable[Proposal], *, facts: Facts, policy: DecisionPolicy, now: datetime) -> Decision:
    """Decide.

    Proposals are judged the most urgent first, among equally urgent ones the one with the greatest net gain; each that
    no rule refuses is taken unless it touches what was taken before. The order in which they are handed in has no say.

    Parameters
    ----------
    proposals
        Of all modules. The same proposal may come twice.
    facts, policy, now
        The cluster, the limits, the time (UTC).

    Raises
    ------
    InputError
        Two different proposals have one id.
    """
    distinct = _distinct(proposals)
    fallbacks = next_fallbacks(distinct, facts=facts, policy=policy, now=now)
    active = {} if policy.base.capacity is Capacity.SPOT else {one.template: one for one in fallbacks}
    table = _Table(facts=facts, policy=policy, now=now)
    cases: list[tuple[Case, tuple[Reason, ...]]] = []
    for proposal in distinct:
        bought = buy(proposal, facts=facts, policy=policy, fallbacks=active)
        if bought.missing:
            table.refused.append(refuse(proposal, Rule.NO_POOL, bought.missing))
            continue
        hours = payback_h(bought.proposal, facts=facts, policy=policy, now=now)
        case = Case(proposal=bought.proposal, facts=facts, policy=policy, now=now, payback_h=hours)
        cases.append((case, bought.changes))
    for case, changes in sorted(cases, key=lambda one: _rank(one[0])):
        table.judge(case, changes)
    refused = tuple(sorted(table.refused, key=lambda one: one.proposal))
    return Decision(chosen=tuple(table.chosen), refused=refused, fallbacks=fallbacks)


@dataclass(slots=True, kw_only=True)
class _Table:
    """What is taken so far."""

    facts: Facts
    policy: DecisionPolicy
    now: datetime
    chosen: list[Chosen] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    holder: dict[str, Proposal] = field(default_factory=dict)

    def judge(self, case: Case, changes: tuple[Reason, ...]) -> None:
        """Take a proposal or say why not."""
        if case.proposal.concern is Concern.LOSS:
            case, changes = self._unentangled(case, changes)
        refusal = self._conflict(case.proposal) or first_refusal(case) or self._limits(case.proposal)
        if refusal is not None:
            self.refused.append(refusal)
            return
        for key in _claims(case.proposal):
            self.holder[key] = case.proposal
        hours = case.payback_h if isfinite(case.payback_h) else None
        chosen = Chosen(proposal=case.proposal, reason=case.proposal.reason, payback_h=hours, changes=changes)
        self.chosen.append(chosen)

    def _unentangled(self, case: Case, changes: tuple[Reason, ...]) -> tuple[Case, tuple[Reason, ...]]:
        """An interruption goes on without nodes that are taken or go: nothing holds up those of its own."""
        proposal, facts = case.proposal, self.facts
        held = {name for name in proposal.nodes if f"node {name}" in self.holder}
        lost = held | {name for name in proposal.uses if name in facts.going or name not in facts.nodes}
        removes = tuple(name for name in proposal.removes if name not in held)
        uses = tuple(name for name in proposal.uses if name not in lost)
        if not lost or not removes:
            return case, changes
        text = f"goes on without {', '.join(sorted(lost))}, which other plans have or AWS takes"
        changed = replace(proposal, removes=removes, uses=uses)
        return replace(case, proposal=changed), (*changes, Reason(code="entangled", text=text))

    def _conflict(self, proposal: Proposal) -> Refusal | None:
        claimed = sorted(key for key in _claims(proposal) if key in self.holder and not self._shared(key, proposal))
        if not claimed:
            return None
        winner = self.holder[claimed[0]]
        rule = _deciding_rule(winner, proposal)
        text = f"{claimed[0]} is taken by {winner.module} {winner.id}"
        return refuse(proposal, rule, text, against=winner.id)

    def _shared(self, key: str, proposal: Proposal) -> bool:
        """Whether a node is only used, by a part of the same plan as well."""
        other, name = self.holder[key], key.removeprefix("node ")
        return bool(other.origin) and other.origin == proposal.origin and name in other.uses and name in proposal.uses

    def _limits(self, proposal: Proposal) -> Refusal | None:
        """Nodes at once and nodes per window. What is urgent is not held up by the window.

        All that is chosen goes into one saga, which works on no more nodes at once than are allowed: only what others
        work on already counts.
        """
        if proposal.concern is Concern.LOSS or not proposal.removes:
            return None
        most = self.policy.base.max_concurrent_actions
        at_once = len(self.facts.busy)
        if at_once + min(len(proposal.removes), most) > most:
            text = f"{at_once} nodes are being worked upon, {most} may be at once"
            return refuse(proposal, Rule.CONCURRENCY, text)
        return self._window(proposal) if proposal.concern is Concern.SAVING else None

    def _window(self, proposal: Proposal) -> Refusal | None:
        since = self.now - timedelta(seconds=self.policy.window_s)
        past = sorted(one.at for one in self.facts.disruptions if since < one.at <= self.now)
        budget = max(self.policy.window_nodes, int(self.policy.window_share * len(self.facts.nodes)))
        used = len(past) + self._removed(Concern.SAVING)
        # A part that is larger than the window has it to itself: it can be made no smaller, and would never go at all.
        if used + len(proposal.removes) <= budget or (budget and not used):
            return None
        text = f"{used} nodes were disrupted within {self.policy.window_s / 60:.0f} minutes, {budget} may be"
        again_at = past[0] + timedelta(seconds=self.policy.window_s) if past else None
        return refuse(proposal, Rule.WINDOW, text, again_at=again_at)

    def _removed(self, least: Concern) -> int:
        """Nodes that taken proposals remove, from this concern down; what AWS takes is no disruption of ours."""
        return sum(len(one.proposal.removes) for one in self.chosen if one.proposal.concern >= least)


def _claims(proposal: Proposal) -> list[str]:
    """What no two proposals may have: nodes and workloads."""
    return [*(f"node {name}" for name in proposal.nodes), *(f"workload {name}" for name in proposal.workloads)]


def _deciding_rule(winner: Proposal, loser: Proposal) -> Rule:
    if winner.concern is Concern.LOSS:
        return Rule.INTERRUPTED_FIRST
    return Rule.STABILITY_FIRST if winner.concern < loser.concern else Rule.BETTER_PROPOSAL


def _rank(case: Case) -> tuple[int, float, str]:
    """The most urgent first, then the greatest gain after what the change costs, then the id."""
    proposal, base = case.proposal, case.policy.base
    evictions_usd_per_h = proposal.evictions * base.eviction_cost_usd_per_h
    return (proposal.concern, -(proposal.saving_usd_per_h - evictions_usd_per_h), proposal.id)


def _distinct(proposals: Iterable[Proposal]) -> list[Proposal]:
    by_id: dict[str, Proposal] = {}
    for proposal in proposals:
        if by_id.setdefault(proposal.id, proposal) != proposal:
            raise InputError(f"proposal {proposal.id}", "id", "another proposal has the same")
    return [by_id[key] for key in sorted(by_id)]
