"""Why: a reason for each action and each node left alone, with alternatives and figures."""

from collections.abc import Sequence

import numpy as np

from domain.plan import Alternative, Reason
from domain.policy import Policy
from domain.units import monthly
from domain.workload import Pod
from solvers.placement.encode import Encoded
from solvers.placement.engine import State, broken_rule, has_room
from solvers.placement.packing import Ints
from solvers.placement.refusals import RULE_WORDS, amount
from solvers.placement.rules import filter_of, refusal
from solvers.placement.topology import RuleKind

MAX_DEARER, MAX_TOO_SMALL = 3, 2
"""Alternatives told per launch: the cheapest that would do as well, and in its zone the next cheaper ones, which lack
something."""

FULL = 0.995
"""A resource used to such a share binds."""


def launch_reason(encoded: Encoded, site: int, *, used: Ints, pods: int, replaces: Sequence[str]) -> Reason:
    """Why a node is launched."""
    offer = encoded.launchables[site].offering
    name, share = _busiest(encoded, site, used)
    what = f"takes pods of {_few(replaces)}" if replaces else "gives pods a place that have none"
    text = (
        f"{offer.pool} ({offer.capacity_type}) at {offer.price_usd_per_h:.4f} USD/h {what}: "
        f"its {_counted(pods, 'pod')} {'fills' if pods == 1 else 'fill'} {share:.0%} of its {name}."
    )
    return Reason(
        code="launch-replacement" if replaces else "launch-capacity",
        text=text,
        figures={"price_usd_per_h": offer.price_usd_per_h, "pods": pods, "busiest_share": share},
    )


def launch_binding(encoded: Encoded, site: int, used: Ints) -> str:
    """What keeps more pods off a new node, or why no smaller one would do."""
    name, share = _busiest(encoded, site, used)
    if share >= FULL:
        return f"{name} ({share:.0%} used)"
    return f"no cheaper offering holds these pods; {name} {share:.0%} used"


class Offers:
    """What else may be launched instead of a node, in order of cost, prepared once for all launches of a plan."""

    def __init__(self, encoded: Encoded, policy: Policy) -> None:
        self._encoded, self._policy = encoded, policy
        number = len(encoded.launchables)
        self._order = np.argsort(encoded.objective[:number], kind="stable")
        kinds: dict[tuple[str, str], int] = {}
        looks = [(offer.template.name, offer.offering.zone.id) for offer in encoded.launchables]
        self._look = np.array([kinds.setdefault(look, len(kinds)) for look in looks], np.int64)

    def alternatives(self, site: int, *, used: Ints, classes: Ints) -> tuple[Alternative, ...]:
        """Other types for the same pods: in its zone cheaper ones with what they lack, then the next that would do."""
        encoded, order = self._encoded, self._order
        cost, price = encoded.objective[order], encoded.price[order]
        here = self._look[order] == self._look[site]
        holds = (encoded.capacity[order] >= used).all(axis=1)
        holds &= (encoded.rules.site_ok[classes][:, order] > 0).all(axis=0)
        cheaper = order[here & (cost < encoded.objective[site] - 1e-12) & (price < encoded.price[site])][::-1]
        dearer = holds & (cost >= encoded.objective[site] - 1e-12)
        near = self._told(site, order[dearer & here], MAX_DEARER, used=used, classes=classes)
        return (
            *self._told(site, cheaper, MAX_TOO_SMALL, used=used, classes=classes),
            *(near or self._told(site, order[dearer], MAX_DEARER, used=used, classes=classes)),
        )

    def _told(self, site: int, ranked: Ints, most: int, *, used: Ints, classes: Ints) -> list[Alternative]:
        """The first of each other type, at most so many."""
        mine = self._encoded.launchables[site].offering
        seen = {(mine.pool.instance_type, mine.capacity_type)}
        told: list[Alternative] = []
        for other in map(int, ranked):
            offer = self._encoded.launchables[other].offering
            key = (offer.pool.instance_type, offer.capacity_type)
            if key in seen:
                continue
            seen.add(key)
            lack = _lacks(self._encoded, other, used, classes)
            extra = offer.price_usd_per_h - mine.price_usd_per_h
            verdict = lack or _against(self._encoded, other, site, self._policy)
            choice = f"{offer.pool} ({offer.capacity_type})"
            told.append(Alternative(choice=choice, extra_usd_per_h=extra, verdict=verdict))
            if len(told) == most:
                break
        return told


def terminate_reason(encoded: Encoded, node: int, *, value: float, evictions: int) -> Reason:
    """Why a running node goes."""
    price = encoded.nodes[node].price_usd_per_h or 0.0
    if evictions == 0:
        text = f"It runs nothing but daemons and costs {price:.4f} USD/h ({monthly(price):,.0f} a month)."
        return Reason(code="empty", text=text, figures={"price_usd_per_h": price})
    figures = {"price_usd_per_h": price, "value_usd_per_h": value, "evictions": float(evictions)}
    pods = _counted(evictions, "pod")
    if value >= price:
        text = f"It costs {price:.4f} USD/h, while its {pods} find room that is paid for anyway."
        return Reason(code="room-elsewhere", text=text, figures=figures)
    text = (
        f"It costs {price:.4f} USD/h, while room for its {pods} costs about {value:.4f} USD/h elsewhere: "
        f"{monthly(price - value):,.0f} USD a month less."
    )
    return Reason(code="underused", text=text, figures=figures)


def terminate_alternatives(encoded: Encoded, node: int, *, value: float, evictions: int) -> tuple[Alternative, ...]:
    """What leaving a node alone would cost more."""
    extra = (encoded.nodes[node].price_usd_per_h or 0.0) - value
    if extra <= 0.0:
        return ()
    verdict = f"dearer, but {_counted(evictions, 'pod')} would stay where they are" if evictions else "dearer"
    return (Alternative(choice="leave it running", extra_usd_per_h=extra, verdict=verdict),)


def evict_reason(pod: Pod, *, target: str, new: bool) -> Reason:
    """Why a pod moves where it does."""
    where = "a node launched for pods like it" if new else "a running node with room for it"
    return Reason(code="move", text=f"{pod.key} moves to {target}, {where}.")


def no_order_reason(pod: Pod) -> Reason:
    """Why a node stays that could have gone, had there been an order of moves."""
    text = (
        f"Its pods would fit elsewhere in the end, but pod {pod.key} has no valid place at the moment it would have to "
        "leave, in any order that was tried."
    )
    return Reason(code="no-order", text=text)


def limit_reason(why: str) -> Reason:
    """Why a node stays that could have gone, had Spot not been limited."""
    return Reason(code="spot-limit", text=f"Without it the policy's limits on Spot could not be kept: {why}.")


def kept_reason(
    encoded: Encoded, state: State, node: int, *, gained: int, value: float, movable: Ints, policy: Policy, quiet: str
) -> Reason:
    """Why a running node that might have gone is left alone."""
    price = encoded.nodes[node].price_usd_per_h or 0.0
    evictions = int(movable.sum())
    cost = policy.eviction_cost_usd_per_h * evictions
    figures = {"price_usd_per_h": price, "value_usd_per_h": value, "eviction_cost_usd_per_h": cost}
    if quiet:
        return Reason(code="not-worth-it", text=quiet, figures=figures)
    if gained:
        text = f"It takes {_counted(gained, 'pod')} that wait or come from nodes that go: its room is paid for already."
        return Reason(code="receives-pods", text=text, figures=figures)
    if price - value - cost < policy.node_min_saving_share * price:
        moving = f" and {cost:.4f} USD/h for {_counted(evictions, 'eviction')}" if evictions else ""
        text = (
            f"It is worth its price: {price:.4f} USD/h, while room for its {_counted(evictions, 'pod')} would cost "
            f"about {value:.4f} USD/h elsewhere{moving}."
        )
        return Reason(code="well-used", text=text, figures=figures)
    blocked = _without_place(encoded, state, node, movable)
    new = _cheapest_twin(encoded, movable)
    if new is None:
        text = "No single offering that the policy allows holds all its pods together"
        return Reason(code="no-cheaper-node", text=f"{text}{_and(blocked)}.", figures=figures)
    offer = encoded.launchables[new].offering
    figures["replacement_usd_per_h"] = offer.price_usd_per_h
    what = f"{offer.pool} ({offer.capacity_type}) at {offer.price_usd_per_h:.4f} USD/h"
    text = f"The cheapest new node for all its pods is {what}"
    if price - offer.price_usd_per_h - cost < policy.node_min_saving_share * price:
        text += f" against {price:.4f} now: too little to move {_counted(evictions, 'pod')}"
        return Reason(code="no-cheaper-node", text=f"{text}{_and(blocked)}.", figures=figures)
    text = f"No better fleet without it was found in the time given{_and(blocked)}. {text}."
    return Reason(code="no-saving", text=text, figures=figures)


def _and(blocked: str) -> str:
    return f"; and {blocked}" if blocked else ""


def _cheapest_twin(encoded: Encoded, pods: Ints) -> int | None:
    """The cheapest offering that holds these pods (C,) alone, rules between pods aside."""
    classes = np.flatnonzero(pods)
    offers = len(encoded.launchables)
    good = (encoded.capacity[:offers] >= pods @ encoded.rules.size).all(axis=1)
    good &= (encoded.rules.site_ok[classes][:, :offers] > 0).all(axis=0)
    sites = np.flatnonzero(good)
    return int(sites[encoded.objective[sites].argmin()]) if sites.size else None


def _without_place(encoded: Encoded, state: State, node: int, movable: Ints) -> str:
    """A pod of the node that no other node takes as things will be, and what each of these lacks; empty if none."""
    rules = encoded.rules
    others = [int(n) for n in np.flatnonzero(state.site >= 0) if n != node]
    for c in np.flatnonzero(movable):
        full = ruled = 0
        words = ""
        for other in others:
            if not rules.site_ok[c, state.site[other]] or not state.takes[other]:
                continue
            if not has_room(rules, state, int(c), other):
                full += 1
                continue
            at = broken_rule(rules, state, int(c), other)
            if at < 0:
                break
            ruled, words = ruled + 1, RULE_WORDS[RuleKind(int(rules.rule_kind[at]))]
        else:
            pod = encoded.class_pods[c].key
            if not full + ruled:
                return f"pod {pod} and its like may use none of the {len(others)} other nodes"
            told = [f"{full} have no room"] * (full > 0) + [f"{ruled} are ruled out by {words}"] * (ruled > 0)
            return f"of the {full + ruled} other nodes that pod {pod} and its like may use, {' and '.join(told)}"
    return ""


def _lacks(encoded: Encoded, site: int, used: Ints, classes: Ints) -> str:
    """Why an offering cannot hold the pods of a launch, empty when it can."""
    offer = encoded.launchables[site]
    for c in classes:
        if not encoded.rules.site_ok[c, site]:
            pod = encoded.class_pods[c]
            why = refusal(filter_of(pod), labels=offer.labels, name="", taints=offer.taints)
            return f"pod {pod.key} may not run there: {why}"
    short = np.flatnonzero(used > encoded.capacity[site])
    if not short.size:
        return ""
    r = int(short[np.argmax(used[short] / np.maximum(encoded.capacity[site, short], 1))])
    name, there = encoded.resources[r], max(0, int(encoded.capacity[site, r]))
    return f"too small: {amount(name, int(used[r]))} needed, {amount(name, there)} there"


def _against(encoded: Encoded, other: int, site: int, policy: Policy) -> str:
    """What speaks against an offering that would hold the pods too and is not cheaper with its risk."""
    theirs, mine = encoded.launchables[other].offering, encoded.launchables[site].offering
    if encoded.objective[other] < encoded.objective[site] - 1e-12:
        return "holds the same pods for less, but the policy's limits on Spot or rules between pods forbid it"
    share = theirs.price_usd_per_h / mine.price_usd_per_h - 1.0
    if share > 0.0005:
        return f"holds the same pods, {share:.1%} dearer"
    if theirs.interruption_per_month > mine.interruption_per_month and policy.risk_premium > 0:
        return "no dearer, but AWS takes it back more often"
    return "holds the same pods at the same price"


def _busiest(encoded: Encoded, site: int, used: Ints) -> tuple[str, float]:
    share = used / np.maximum(encoded.capacity[site], 1)
    r = int(share.argmax())
    return encoded.resources[r], float(share[r])


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _few(names: Sequence[str]) -> str:
    told = ", ".join(names[:3])
    return told + (f" and {len(names) - 3} more" if len(names) > 3 else "")
