"""Why a pod fits nowhere: the constraint that binds, named so that its owner finds it in the manifest."""

from collections import Counter
from collections.abc import Sequence
from itertools import combinations

import numpy as np

from domain.plan import Unschedulable
from domain.workload import Pod, Toleration
from solvers.placement.encode import Encoded
from solvers.placement.engine import State, broken_rule, has_room
from solvers.placement.rules import NodeFilter, filter_of, words_of
from solvers.placement.sites import Site, accepted, site_of_node
from solvers.placement.topology import RuleKind

RULE_WORDS = {
    RuleKind.FORBID: "pod anti-affinity or a host port",
    RuleKind.REQUIRE: "pod affinity",
    RuleKind.SPREAD: "topology spread",
}

Part = tuple[str, str, NodeFilter]
"""A part of a node filter: the constraint it is, in words what it asks for, and the filter it makes alone."""


def unschedulable(encoded: Encoded, state: State, pod: Pod, *, c: int, limit: str) -> Unschedulable:
    """Which constraint keeps a pod off every node. ``limit`` tells why nodes for it may not be launched, if so."""
    size, capacity = encoded.rules.size[c], encoded.capacity
    may_use = encoded.rules.site_ok[c] > 0
    if not len(capacity):
        return _told(pod, "no nodes", "Nothing runs, and the policy and the catalogue allow no node at all.")
    if not may_use.any():
        return _told(pod, *_filters(encoded, pod))
    short = np.flatnonzero(size > capacity[may_use].max(axis=0))
    if short.size:
        names = ", ".join(encoded.resources[r] for r in short)
        return _told(pod, names, " ".join(_too_large(encoded, c, int(r), may_use) for r in short))
    holds = may_use & (capacity >= size).all(axis=1)
    if not holds.any():
        detail = f"Each resource is there, but no node that it may use has all of {pod.requests} at once."
        return _told(pod, "resources together", detail)
    if limit:
        return _told(pod, "limits on Spot", f"A node for it may not be launched: {limit}.")
    return _told(pod, *_rule(encoded, state, c, launchable=bool(holds[: len(encoded.launchables)].any())))


def amount(resource: str, number: int) -> str:
    """A resource amount in the units people use."""
    if resource == "cpu":
        return f"{number / 1000:g} CPU"
    if resource in ("memory", "ephemeral-storage"):
        return f"{number / (1 << 30):.4g} GiB {resource}"
    return f"{number} {resource}"


def _told(pod: Pod, constraint: str, detail: str) -> Unschedulable:
    return Unschedulable(pod=pod.key, constraint=constraint, detail=detail)


def _too_large(encoded: Encoded, c: int, r: int, may_use: np.ndarray) -> str:
    name, most = encoded.resources[r], max(0, int(encoded.capacity[may_use, r].max()))
    asks = amount(name, int(encoded.rules.size[c, r]))
    return f"It requests {asks}; the most that a node it may use has for pods is {amount(name, most)}."


def _filters(encoded: Encoded, pod: Pod) -> tuple[str, str]:
    """The part of a node filter that nothing meets, or the fewest parts that nothing meets together."""
    sites = [Site(o.labels, "", o.taints) for o in encoded.launchables] + [site_of_node(n) for n in encoded.nodes]
    parts = _parts(filter_of(pod))
    ok = accepted([part for _, _, part in parts], sites) > 0
    for number in range(1, len(parts) + 1):
        for chosen in combinations(range(len(parts)), number):
            if not ok[list(chosen)].all(axis=0).any():
                return _named([parts[n] for n in chosen])
    return "node filters", "No node and no offering passes all its node filters."


def _named(parts: Sequence[Part]) -> tuple[str, str]:
    constraint = " and ".join(dict.fromkeys(kind for kind, _, _ in parts))
    asked = " and ".join(f"{kind} {asks}".strip() for kind, asks, _ in parts)
    if len(parts) == 1:
        return constraint, f"No node and no offering meets its {asked}."
    return constraint, f"They contradict each other: no node and no offering meets {asked} together."


def _parts(node_filter: NodeFilter) -> list[Part]:
    everything = (Toleration(exists=True),)
    parts: list[Part] = [
        ("nodeSelector", f"{key}={value}", NodeFilter(((key, value),), (), (), everything))
        for key, value in node_filter.selector
    ]
    if node_filter.affinity:
        alone = NodeFilter((), node_filter.affinity, (), everything)
        parts.append(("required node affinity", words_of(node_filter.affinity), alone))
    parts += [
        ("volume", f"bound to {words_of(volume)}", NodeFilter((), (), (volume,), everything))
        for volume in node_filter.volumes
    ]
    parts.append(("tolerations", "of the taints there are", NodeFilter((), (), (), node_filter.tolerations)))
    return parts


def _rule(encoded: Encoded, state: State, c: int, *, launchable: bool) -> tuple[str, str]:
    """The rule between pods, or the lack of room, that most of the nodes in question name."""
    rules, words, full = encoded.rules, Counter[str](), 0
    for node in np.flatnonzero(state.site >= 0):
        if not rules.site_ok[c, state.site[node]] or not state.takes[node]:
            continue
        at = broken_rule(rules, state, c, int(node))
        if at >= 0:
            words[RULE_WORDS[RuleKind(int(rules.rule_kind[at]))]] += 1
        elif not has_room(rules, state, c, int(node)):
            full += 1
    kinds = [RULE_WORDS[RuleKind(int(kind))] for kind in rules.rule_kind[rules.rule_at[c] : rules.rule_at[c + 1]]]
    if not words and (not kinds or not launchable):
        full_words = f"The {full} nodes that it may use are full" if full else "No node that it may use takes new pods"
        return "room", f"{full_words}, and none that would hold it may be launched."
    word = words.most_common(1)[0][0] if words else kinds[0]
    there = f"{words[word]} are ruled out by {word}" if words else f"{full} are full"
    rest = f", {full} more are full" if words and full else ""
    new = f"on each new one {word} would be broken too" if launchable else "none that would hold it may be launched"
    return word, f"Of the nodes that it may use, {there}{rest}; {new}."
