"""Why: a reason for each action, each node left alone and each pod without a place, with alternatives and figures."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from domain.plan import Alternative, Reason, Unschedulable
from domain.policy import Policy
from domain.units import monthly
from domain.workload import Pod
from solvers.placement.encode import Encoded
from solvers.placement.engine import State, broken_rule, has_room
from solvers.placement.packing import Ints
from solvers.placement.rules import refusal
from solvers.placement.sites import site_of_node
from solvers.placement.topology import RuleKind

MAX_ALTERNATIVES = 3
"""Alternatives told per launch: the cheapest of other types that would hold the same pods."""

FULL = 0.995
"""A resource used to such a share binds."""

NO_ORDER_FOUND = "No set of moves that saves money could be brought into an order that breaks no rule on the way."

RULE_WORDS = {
    RuleKind.FORBID: "pod anti-affinity or a host port",
    RuleKind.REQUIRE: "pod affinity",
    RuleKind.SPREAD: "topology spread",
}


def launch_reason(encoded: Encoded, site: int, *, used: Ints, pods: int, replaces: Sequence[str]) -> Reason:
    """Why a node is launched."""
    offer = encoded.launchables[site].offering
    share = _busiest(encoded, site, used)
    what = f"replaces {_few(replaces)}" if replaces else "gives pods a place that have none"
    text = (
        f"{offer.pool} ({offer.capacity_type}) at {offer.price_usd_per_h:.4f} USD/h {what}: "
        f"its {pods} pods fill {share[1]:.0%} of its {share[0]}."
    )
    return Reason(
        code="launch-replacement" if replaces else "launch-capacity",
        text=text,
        figures={"price_usd_per_h": offer.price_usd_per_h, "pods": pods, "busiest_share": share[1]},
    )


def launch_binding(encoded: Encoded, site: int, used: Ints) -> str:
    """What keeps more pods off a new node, or why no smaller one would do."""
    name, share = _busiest(encoded, site, used)
    return f"{name} ({share:.0%} used)" if share >= FULL else f"no cheaper offering holds these pods; {name} {share:.0%}"


def launch_alternatives(encoded: Encoded, site: int, *, used: Ints, classes: Ints) -> tuple[Alternative, ...]:
    """The cheapest other types that would hold the same pods, and what each would cost more."""
    offers = encoded.launchables
    mine = offers[site].offering
    room = (encoded.capacity[: len(offers)] >= used).all(axis=1)
    room &= (encoded.rules.site_ok[classes][:, : len(offers)] > 0).all(axis=0)
    told: dict[tuple[str, str], Alternative] = {}
    for other in np.flatnonzero(room)[np.argsort(encoded.objective[np.flatnonzero(room)], kind="stable")]:
        offer = offers[other].offering
        key = (offer.pool.instance_type, str(offer.capacity_type))
        if key == (mine.pool.instance_type, str(mine.capacity_type)) or key in told:
            continue
        extra = offer.price_usd_per_h - mine.price_usd_per_h
        weighed = encoded.objective[other] - encoded.objective[site]
        verdict = "dearer" if extra > 0 else "as cheap, but not better with its risk" if weighed >= 0 else "limited"
        told[key] = Alternative(choice=f"{offer.pool} ({offer.capacity_type})", extra_usd_per_h=extra, verdict=verdict)
        if len(told) == MAX_ALTERNATIVES:
            break
    return tuple(told.values())


def terminate_reason(encoded: Encoded, node: int, *, value: float, evictions: int) -> Reason:
    """Why a running node goes."""
    running = encoded.nodes[node]
    price = running.price_usd_per_h or 0.0
    if evictions == 0:
        text = f"It runs nothing but daemons and costs {price:.4f} USD/h ({monthly(price):,.0f} a month)."
        return Reason(code="empty", text=text, figures={"price_usd_per_h": price})
    text = (
        f"It costs {price:.4f} USD/h, while its {evictions} pods run elsewhere for about {value:.4f} USD/h: "
        f"{monthly(price - value):,.0f} USD a month less."
    )
    figures = {"price_usd_per_h": price, "value_usd_per_h": value, "evictions": float(evictions)}
    return Reason(code="underused", text=text, figures=figures)


def evict_reason(pod: Pod, *, target: str, new: bool) -> Reason:
    """Why a pod moves where it does."""
    where = "the node launched for it" if new else "a running node with room for it"
    return Reason(code="move", text=f"{pod.key} moves to {target}, {where}.")


def kept_reason(
    encoded: Encoded, state: State, node: int, *, gained: int, value: float, movable: Ints, policy: Policy, quiet: str
) -> Reason:
    """Why a running node that might have gone is left alone."""
    running = encoded.nodes[node]
    price = running.price_usd_per_h or 0.0
    evictions = int(movable.sum())
    cost = policy.eviction_cost_usd_per_h * evictions
    figures = {"price_usd_per_h": price, "value_usd_per_h": value, "eviction_cost_usd_per_h": cost}
    if quiet:
        return Reason(code="not-worth-it", text=quiet, figures=figures)
    if gained:
        text = f"It takes {gained} pods of nodes that go: its room is paid for already."
        return Reason(code="receives-pods", text=text, figures=figures)
    if price - value - cost < policy.node_min_saving_share * price:
        text = (
            f"It is worth its price: {price:.4f} USD/h, while its pods would cost about {value:.4f} USD/h elsewhere"
            + (f" and {cost:.4f} USD/h for {evictions} evictions." if evictions else ".")
        )
        return Reason(code="well-used", text=text, figures=figures)
    stuck = _stuck_class(encoded, state, node, movable)
    if stuck is not None:
        pod, why = stuck
        text = f"Pod {pod.key} and its like have no cheaper place: {why}."
        return Reason(code="no-place", text=text, figures=figures)
    text = "Emptying it too does not make the fleet cheaper: its pods would need a node of their own."
    return Reason(code="no-saving", text=text, figures=figures)


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


def unschedulable(encoded: Encoded, state: State, pod: Pod, *, c: int, limit: str) -> Unschedulable:
    """Which constraint keeps a pod off every node. ``limit`` tells why nodes for it may not be launched, if so."""
    rules = encoded.rules
    size, capacity = rules.size[c], encoded.capacity
    accepted = rules.site_ok[c] > 0
    if not len(capacity):
        return Unschedulable(pod=pod.key, constraint="no nodes", detail="The policy and catalogue allow no node at all.")
    if not accepted.any():
        why, count = _commonest_refusal(encoded, pod, c)
        detail = f"No node and no offering passes its filters; {count} of {len(accepted)} fail at: {why}."
        return Unschedulable(pod=pod.key, constraint=why.split(" ")[0], detail=detail)
    short = size > capacity[accepted].max(axis=0)
    if short.any():
        names = [encoded.resources[r] for r in np.flatnonzero(short)]
        r = int(np.flatnonzero(short)[0])
        detail = (
            f"It requests {_amount(encoded.resources[r], int(size[r]))}; the largest node it may use has "
            f"{_amount(encoded.resources[r], int(capacity[accepted, r].max()))}."
        )
        return Unschedulable(pod=pod.key, constraint=", ".join(names), detail=detail)
    if not (capacity[accepted] >= size).all(axis=1).any():
        detail = f"No single node that it may use has all it requests together ({pod.requests})."
        return Unschedulable(pod=pod.key, constraint="resources together", detail=detail)
    if limit:
        return Unschedulable(pod=pod.key, constraint="limits on Spot", detail=f"A node for it may not be launched: {limit}.")
    word = _binding_rule(encoded, state, c)
    detail = f"Nodes with room exist or could be launched, but {word} forbids each of them."
    return Unschedulable(pod=pod.key, constraint=word, detail=detail)


def _binding_rule(encoded: Encoded, state: State, c: int) -> str:
    rules = encoded.rules
    words: Counter[str] = Counter()
    for node in np.flatnonzero(state.site >= 0):
        if has_room(rules, state, c, int(node)):
            at = broken_rule(rules, state, c, int(node))
            if at >= 0:
                words[RULE_WORDS[RuleKind(int(rules.rule_kind[at]))]] += 1
    if not words:
        kinds = rules.rule_kind[rules.rule_at[c] : rules.rule_at[c + 1]]
        words.update(RULE_WORDS[RuleKind(int(kind))] for kind in kinds)
    return words.most_common(1)[0][0] if words else "room on running nodes"


def _commonest_refusal(encoded: Encoded, pod: Pod, c: int) -> tuple[str, int]:
    from solvers.placement.rules import filter_of

    node_filter = filter_of(pod)
    seen: Counter[str] = Counter()
    for offer in encoded.launchables:
        seen[refusal(node_filter, labels=offer.labels, name="", taints=offer.taints)] += 1
    for node in encoded.nodes:
        site = site_of_node(node)
        seen[refusal(node_filter, labels=site.labels, name=site.name, taints=site.taints)] += 1
    return seen.most_common(1)[0]


def _stuck_class(encoded: Encoded, state: State, node: int, movable: Ints) -> tuple[Pod, str] | None:
    """A pod of the node that no other open node takes, and why."""
    rules = encoded.rules
    others = [int(n) for n in np.flatnonzero(state.site >= 0) if n != node]
    for c in np.flatnonzero(movable):
        blocked: Counter[str] = Counter()
        for other in others[:200]:
            if not rules.site_ok[c, state.site[other]]:
                blocked["node filters"] += 1
            elif not has_room(rules, state, int(c), other):
                blocked["no room on the other nodes"] += 1
            else:
                at = broken_rule(rules, state, int(c), other)
                if at < 0:
                    blocked.clear()
                    break
                blocked[RULE_WORDS[RuleKind(int(rules.rule_kind[at]))]] += 1
        if blocked:
            return encoded.class_pods[c], blocked.most_common(1)[0][0]
    return None


def _busiest(encoded: Encoded, site: int, used: Ints) -> tuple[str, float]:
    share = used / np.maximum(encoded.capacity[site], 1)
    r = int(share.argmax())
    return encoded.resources[r], float(share[r])


def _amount(resource: str, amount: int) -> str:
    if resource == "cpu":
        return f"{amount / 1000:g} CPU"
    if resource in ("memory", "ephemeral-storage"):
        return f"{amount / (1 << 30):.4g} GiB {resource}"
    return f"{amount} {resource}"


def _few(names: Sequence[str]) -> str:
    told = ", ".join(names[:3])
    return told + (f" and {len(names) - 3} more" if len(names) > 3 else "")


__all__ = [
    "Mapping", "evict_reason", "kept_reason", "launch_alternatives", "launch_binding", "launch_reason",
    "terminate_reason", "unschedulable",
]  # fmt: skip
