"""The cheapest fleet of a tiny cluster, found by trying every one.

For a handful of pods from scratch, under resources, anti-affinity over the hostname and spread over zones. Every way to
split the pods over nodes is tried (203 for six pods), and for each every way to put those nodes into zones. Shares no
code with the solver or the checker.

A node without pods never helps here: it costs, and it only adds a domain that spread must then fill.

kube-scheduler counts a zone as a domain once it has a node. A fleet from scratch could thus put everything into one
zone, which is not what people mean who ask for pods to be spread: `every_zone` counts all zones on offer.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import product

from domain.market import Catalog
from domain.resources import Resources, total
from domain.selectors import LabelSelector
from domain.snapshot import Snapshot
from domain.workload import Pod

Group = tuple[Pod, ...]
"""Pods of one node."""


def cheapest_fleet_usd_per_h(snapshot: Snapshot, *, catalog: Catalog, every_zone: bool = False) -> float | None:
    """Price of the cheapest fleet that runs all pods, ``None`` when there is none."""
    zones = sorted({offering.zone.id for offering in catalog.offerings})
    domains = zones if every_zone else ()
    costs = (_cost(split, zones=zones, catalog=catalog, domains=domains) for split in _splits(snapshot.pods))
    return min((cost for cost in costs if cost is not None), default=None)


def _cost(split: Sequence[Group], *, zones: Sequence[str], catalog: Catalog, domains: Sequence[str]) -> float | None:
    if any(_at_odds(group) for group in split):
        return None
    prices = [{zone: _cheapest(group, zone=zone, catalog=catalog) for zone in zones} for group in split]
    best = None
    for places in product(zones, repeat=len(split)):
        each = [price[zone] for price, zone in zip(prices, places, strict=True)]
        known = [price for price in each if price is not None]
        cheaper = len(known) == len(each) and (best is None or sum(known) < best)
        if cheaper and _evenly_spread(split, places, domains=domains):
            best = sum(known)
    return best


def _cheapest(group: Group, *, zone: str, catalog: Catalog) -> float | None:
    needs = total(pod.requests for pod in group)
    fitting = (
        o for o in catalog.offerings if o.zone.id == zone and _fits(needs, o.pool.instance_type, catalog=catalog)
    )
    return min((offering.price_usd_per_h for offering in fitting), default=None)


def _fits(needs: Resources, instance_type: str, *, catalog: Catalog) -> bool:
    room = dict(catalog.types[instance_type].allocatable.items())
    return all(amount <= room.get(name, 0) for name, amount in needs.items())


def _at_odds(group: Group) -> bool:
    """Whether a pod of a node must stay apart from another one there; all instances use one namespace and hostname."""
    return any(
        _selected(term.selector, other)
        for pod in group
        for term in pod.anti_affinity
        for other in group
        if other is not pod
    )


def _evenly_spread(split: Sequence[Group], places: Sequence[str], *, domains: Sequence[str]) -> bool:
    """Whether every spread over zones holds; zones with a node are domains, and those named."""
    for rule in {rule for group in split for pod in group for rule in pod.spread}:
        counts = Counter(dict.fromkeys([*places, *domains], 0))
        for group, zone in zip(split, places, strict=True):
            counts[zone] += sum(_selected(rule.selector, pod) for pod in group)
        if max(counts.values()) - min(counts.values()) > rule.max_skew:
            return False
    return True


def _selected(selector: LabelSelector | None, pod: Pod) -> bool:
    """Instances use selectors of the form ``key In (value)`` only."""
    return selector is not None and all(pod.labels.get(need.key) in need.values for need in selector.requirements)


def _splits(pods: Sequence[Pod]) -> Iterator[list[Group]]:
    """Every way to split pods into groups."""
    if not pods:
        yield []
        return
    first, rest = pods[0], pods[1:]
    for split in _splits(rest):
        yield [(first,), *split]
        for i, group in enumerate(split):
            yield [*split[:i], (first, *group), *split[i + 1 :]]
