"""The limits on Spot pools: other offerings for launched nodes where too much would stand in one pool."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from domain.market import CapacityType
from domain.policy import Policy
from solvers.placement.encode import Encoded
from solvers.placement.engine import State
from solvers.placement.packing import Ints
from solvers.placement.pools import Launch, Option, choose_offerings, why_impossible
from solvers.placement.risk import RiskNode

MAX_OPTIONS = 60
"""Offerings considered per launch, the cheapest: as many types as a fleet request may name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Within:
    """Sites of the launched node slots that keep the limits, the slots that had to be left out, and why."""

    sites: Mapping[int, int]
    left_out: tuple[int, ...] = ()
    why: str = ""


def within_limits(
    encoded: Encoded, state: State, new: Ints, *, fixed: Sequence[RiskNode], before: Iterable[RiskNode], policy: Policy
) -> Within:
    """Sites for as many of the new node slots as the limits allow: all of them, nearly always.

    Those that can only be Spot and have the fewest pools to choose from are left out first, more and more of them.
    """
    choices = {int(node): _sites_for(encoded, state, int(node)) for node in new}
    options = {node: tuple(_option(encoded, site) for site in sites) for node, sites in choices.items()}
    before, why, left_out = tuple(before), "", 0
    ranked = sorted(choices, key=lambda node: (any(not o.spot for o in options[node]), len(options[node]), node))
    while True:
        kept = sorted(ranked[left_out:])
        launches = [Launch(options=options[node]) for node in kept]
        chosen = choose_offerings(launches, fixed=fixed, policy=policy, before=before)
        if chosen is None and not why:
            why = why_impossible(launches, fixed=fixed, policy=policy, before=before)
        if chosen is not None or not kept:
            sites = {node: choices[node][at] for node, at in zip(kept, chosen or (), strict=True)}
            return Within(sites=sites, left_out=tuple(sorted(ranked[:left_out])), why=why)
        left_out = min(len(ranked), max(1, 2 * left_out))


def keeps(
    encoded: Encoded, sites: Sequence[int], *, fixed: Sequence[RiskNode], before: Sequence[RiskNode], policy: Policy
) -> bool:
    """Whether one launch on each of these sites keeps the limits."""
    launches = [Launch(options=(_option(encoded, site),)) for site in sites]
    return choose_offerings(launches, fixed=fixed, policy=policy, before=before) is not None


def _sites_for(encoded: Encoded, state: State, node: int) -> list[int]:
    """Launchable sites that hold what the node holds, cheapest first; in its own zone when a rule looks at domains."""
    held = np.flatnonzero(state.held[node])
    mine = int(state.site[node])
    used = state.held[node, held].astype(np.int64) @ encoded.rules.size[held]
    offers = len(encoded.launchables)
    good = (encoded.capacity[:offers] >= used).all(axis=1)
    good &= (encoded.rules.site_ok[held][:, :offers] > 0).all(axis=0)
    bound = _domain_counters(encoded, held)
    for t in bound:
        good &= encoded.rules.domain[t, :offers] == encoded.rules.domain[t, mine]
    sites = np.flatnonzero(good)
    ranked = sites[np.argsort(encoded.objective[sites], kind="stable")]
    return [int(site) for site in _mixed(encoded, ranked)]


def _mixed(encoded: Encoded, ranked: Ints) -> Ints:
    """The cheapest options, on-demand ones among them: they are what is left when Spot pools are full."""
    spot = np.array([encoded.launchables[s].offering.capacity_type is CapacityType.SPOT for s in ranked], bool)
    return np.concatenate([ranked[spot][:MAX_OPTIONS], ranked[~spot][: MAX_OPTIONS // 4]]).astype(np.int64)


def _domain_counters(encoded: Encoded, held: Ints) -> set[int]:
    """Counters over more than single nodes that the classes held raise or are bound by."""
    rules = encoded.rules
    touched: set[int] = set()
    for c in held:
        touched.update(rules.raise_counter[rules.raise_at[c] : rules.raise_at[c + 1]].tolist())
        touched.update(rules.rule_counter[rules.rule_at[c] : rules.rule_at[c + 1]].tolist())
    return {t for t in touched if not rules.by_node[t]}


def _option(encoded: Encoded, site: int) -> Option:
    offer = encoded.launchables[site].offering
    return Option(
        pool=str(offer.pool),
        spot=offer.capacity_type is CapacityType.SPOT,
        vcpu=int(encoded.vcpu[site]),
        cost_usd_per_h=float(encoded.objective[site]),
        interruption_per_month=offer.interruption_per_month,
    )
