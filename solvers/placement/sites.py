"""Sites: where a pod can be put. A running node, or a node that can be launched from a template at an offering."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from domain import labels as keys
from domain.market import CapacityType, Catalog, Offering
from domain.node import DEFAULT_TEMPLATE, Effect, Node, NodeTemplate, Taint, labels_of_launched_node
from domain.policy import Capacity, Policy
from domain.snapshot import Snapshot
from solvers.placement.packing import Flags
from solvers.placement.rules import NodeFilter, refusal

UNSCHEDULABLE = Taint(key=keys.UNSCHEDULABLE_TAINT, effect=Effect.NO_SCHEDULE)
NOT_READY = Taint(key="node.kubernetes.io/not-ready", effect=Effect.NO_SCHEDULE)
"""Taints that Kubernetes itself puts on cordoned and unready nodes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launchable:
    """A template at an offering that the policy allows, with what a node launched there will carry."""

    template: NodeTemplate
    offering: Offering
    labels: Mapping[str, str]
    taints: tuple[Taint, ...]


def launchables(snapshot: Snapshot, *, catalog: Catalog, policy: Policy) -> tuple[Launchable, ...]:
    """Everything that may be launched for this cluster under this policy."""
    zones = set(snapshot.zones)
    offerings = [o for o in catalog.offerings if o.zone in zones and allowed(o, catalog=catalog, policy=policy)]
    return tuple(
        Launchable(
            template=template,
            offering=offering,
            labels=labels_of_launched_node(
                template,
                instance_type=catalog.types[offering.pool.instance_type],
                zone=offering.zone,
                region=catalog.region,
                capacity_type=offering.capacity_type,
            ),
            taints=template.taints,
        )
        for template in snapshot.templates or (DEFAULT_TEMPLATE,)
        for offering in offerings
        if fits_template(offering, template, catalog=catalog, policy=policy)
    )


def allowed(offering: Offering, *, catalog: Catalog, policy: Policy) -> bool:
    """Whether the policy allows to launch an offering."""
    kind = catalog.types[offering.pool.instance_type]
    if policy.capacity is Capacity.SPOT and offering.capacity_type is not CapacityType.SPOT:
        return False
    if policy.capacity is Capacity.ON_DEMAND and offering.capacity_type is not CapacityType.ON_DEMAND:
        return False
    return (
        (not policy.families or kind.family in policy.families)
        and (not policy.architectures or kind.arch in policy.architectures)
        and (policy.allow_burstable or not kind.burstable)
        and (policy.allow_bare_metal or not kind.bare_metal)
    )


def fits_template(offering: Offering, template: NodeTemplate, *, catalog: Catalog, policy: Policy) -> bool:
    """Whether a template may launch the type of an offering."""
    kind = catalog.types[offering.pool.instance_type]
    if not policy.architectures and template.architectures and kind.arch not in template.architectures:
        return False
    return (not template.families or kind.family in template.families) and (
        not template.instance_types or kind.name in template.instance_types
    )


@dataclass(frozen=True, slots=True)
class Site:
    """Labels, name and taints by which filters judge a node. ``name`` is empty for nodes that do not run yet."""

    labels: Mapping[str, str]
    name: str
    taints: tuple[Taint, ...]


def site_of_node(node: Node) -> Site:
    """A running node as a site; the taint of a cordon is left to the cordon flag."""
    taints = tuple(t for t in node.taints if t.key != keys.UNSCHEDULABLE_TAINT)
    return Site(node.labels, node.name, taints)


def domain_of_node(node: Node) -> Site:
    """A running node as spread rules see it: a cordon and not being ready are taints like any other."""
    missing = [UNSCHEDULABLE] * node.cordoned + [NOT_READY] * (not node.ready)
    return Site(node.labels, node.name, (*node.taints, *(taint for taint in missing if taint not in node.taints)))


def accepted(filters: Sequence[NodeFilter], sites: Sequence[Site]) -> Flags:
    """1 where a filter accepts a site, (filters, sites). Sites that look alike to every filter are judged once."""
    used = sorted(set().union(*(f.keys() for f in filters))) if filters else []
    names_matter = any(f.names_matter() for f in filters)
    looks: dict[tuple[object, ...], int] = {}
    index = np.empty(len(sites), np.int64)
    judged: list[Site] = []
    for s, site in enumerate(sites):
        look = (tuple(site.labels.get(key) for key in used), site.name if names_matter else "", site.taints)
        if look not in looks:
            looks[look] = len(judged)
            judged.append(site)
        index[s] = looks[look]
    table = np.array(
        [[not refusal(f, labels=s.labels, name=s.name, taints=s.taints) for s in judged] for f in filters],
        dtype=np.uint8,
    ).reshape(len(filters), len(judged))
    return np.ascontiguousarray(table[:, index])
