"""Prices and interruption risk of what runs, and the same cluster with nothing running."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto
from math import fsum

from domain.market import CapacityType, Catalog, Offering
from domain.node import Node
from domain.snapshot import Snapshot

NAMED = 5
"""Types or pools that one note names; it counts the rest."""

FROM_SCRATCH = "Planned from scratch: running nodes, their daemon pods and what must not be disrupted are ignored."

Wanted = tuple[str, CapacityType]
"""Instance type and how it is bought."""


class _Match(Enum):
    """How well the catalogue knew a node."""

    EXACT = auto()
    OTHER_ZONES = auto()
    NO_OFFERING = auto()
    NO_TYPE = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Figures:
    match: _Match
    price_usd_per_h: float | None = None
    interruption_per_month: float = 0.0


def with_prices(snapshot: Snapshot, catalog: Catalog) -> Snapshot:
    """The snapshot with the price and the monthly interruption probability (0..1) of each running node.

    A node in a zone for which the catalogue has no offering takes the mean of the region's other zones. Where there is
    no such zone, or the type is unknown, the price is ``None``. Notes tell both; a note that is there already is not
    told again, so doing this twice changes nothing.
    """
    offerings = _by_type(catalog.offerings)
    found = [_figures(node, offerings=offerings, catalog=catalog) for node in snapshot.nodes]
    nodes = tuple(
        replace(n, price_usd_per_h=f.price_usd_per_h, interruption_per_month=f.interruption_per_month)
        for n, f in zip(snapshot.nodes, found, strict=True)
    )
    return _noted(replace(snapshot, nodes=nodes), _notes(nodes, [f.match for f in found]))


def as_from_scratch(snapshot: Snapshot) -> Snapshot:
    """The same workloads with nothing running: no nodes, no daemon and mirror pods, every other pod pending.

    Templates, budgets, daemonsets and zones stay. Nothing must stay where it is any more. A snapshot that is so
    already comes back unchanged.
    """
    pods = tuple(
        replace(pod, node_name="", do_not_disrupt="")
        for pod in snapshot.pods
        if not pod.is_daemon and not pod.is_mirror
    )
    changed = bool(snapshot.nodes) or pods != snapshot.pods
    return _noted(replace(snapshot, nodes=(), pods=pods), [FROM_SCRATCH] if changed else [])


def _by_type(offerings: Iterable[Offering]) -> dict[Wanted, dict[str, Offering]]:
    index: dict[Wanted, dict[str, Offering]] = defaultdict(dict)
    for offering in offerings:
        index[offering.pool.instance_type, offering.capacity_type][offering.pool.zone_id] = offering
    return index


def _figures(node: Node, *, offerings: Mapping[Wanted, Mapping[str, Offering]], catalog: Catalog) -> _Figures:
    if node.instance_type not in catalog.types:
        return _Figures(match=_Match.NO_TYPE)
    by_zone = offerings.get((node.instance_type, node.capacity_type), {})
    if not by_zone:
        return _Figures(match=_Match.NO_OFFERING)
    exact = by_zone.get(node.zone.id)
    used = list(by_zone.values()) if exact is None else [exact]
    return _Figures(
        match=_Match.OTHER_ZONES if exact is None else _Match.EXACT,
        price_usd_per_h=fsum(o.price_usd_per_h for o in used) / len(used),
        interruption_per_month=fsum(o.interruption_per_month for o in used) / len(used),
    )


def _notes(nodes: Iterable[Node], matches: Iterable[_Match]) -> list[str]:
    told: dict[_Match, Counter[str]] = defaultdict(Counter)
    for node, match in zip(nodes, matches, strict=True):
        told[match][_told_as(node, match)] += 1
    texts = {
        _Match.OTHER_ZONES: "priced at the mean of the region's other zones, the catalogue has none for theirs",
        _Match.NO_OFFERING: "bought in a way that the catalogue has no price for: kept, its cost is left out",
        _Match.NO_TYPE: "of a type that the catalogue does not know: kept, its cost is left out",
    }
    return [f"{_count(told[match])} {text}: {_listed(told[match])}." for match, text in texts.items() if match in told]


def _told_as(node: Node, match: _Match) -> str:
    kind = node.instance_type or "no type given"
    if match is _Match.NO_TYPE:
        return kind
    return f"{kind} {node.capacity_type}" + (f" in {node.zone.id}" if match is _Match.OTHER_ZONES else "")


def _count(nodes: Counter[str]) -> str:
    return "1 node" if nodes.total() == 1 else f"{nodes.total()} nodes"


def _listed(nodes: Counter[str]) -> str:
    ranked = sorted(nodes, key=lambda name: (-nodes[name], name))
    shown = ", ".join(f"{name} ({nodes[name]})" for name in ranked[:NAMED])
    return shown + (f" and {len(ranked) - NAMED} more" if len(ranked) > NAMED else "")


def _noted(snapshot: Snapshot, notes: Iterable[str]) -> Snapshot:
    new = tuple(note for note in notes if note not in snapshot.notes)
    return replace(snapshot, notes=snapshot.notes + new)
