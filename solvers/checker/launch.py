"""Whether a node that a plan launches is one that AWS sells, the policy allows and its template describes."""

from collections.abc import Iterator

from domain import labels as keys
from domain.market import CapacityType, Catalog, InstanceType, Offering
from domain.node import DEFAULT_TEMPLATE, NodeTemplate, labels_of_launched_node
from domain.plan import PlannedNode
from domain.policy import Capacity, Policy
from domain.snapshot import Snapshot
from solvers.checker.violation import Rule

Finding = tuple[Rule, str]

_ALLOWED = {
    Capacity.SPOT: {CapacityType.SPOT},
    Capacity.ON_DEMAND: {CapacityType.ON_DEMAND},
    Capacity.MIXED: {CapacityType.SPOT, CapacityType.ON_DEMAND},
}


class LaunchRules:
    """Judges launched nodes of one plan against snapshot, catalogue and policy."""

    def __init__(self, snapshot: Snapshot, *, catalog: Catalog, policy: Policy) -> None:
        self._catalog = catalog
        self._policy = policy
        self._zones = set(snapshot.zones)
        known = snapshot.templates or (DEFAULT_TEMPLATE,)
        self._templates = {template.name: template for template in known}
        self._offerings = {(o.pool.instance_type, o.pool.zone_id, o.capacity_type): o for o in catalog.offerings}

    def findings(self, node: PlannedNode) -> Iterator[Finding]:
        """What is wrong with a launched node as the plan describes it."""
        kind = self._catalog.types.get(node.instance_type)
        offering = self._offerings.get((node.instance_type, node.zone.id, node.capacity_type))
        template = self._templates.get(node.template)
        if template is None:
            yield Rule.LAUNCH_TEMPLATE, f"there is no node template {node.template}"
        if kind is None or offering is None or offering.zone != node.zone or node.zone not in self._zones:
            yield Rule.LAUNCH_OFFERING, f"{node.capacity_type} {node.instance_type} is not on offer in {node.zone}"
        if kind is not None:
            yield from self._forbidden(node, kind)
        if kind is not None and template is not None:
            yield from _template(kind, template, policy=self._policy)
            yield from self._labels(node, kind=kind, template=template)
        if kind is not None and offering is not None:
            yield from _facts(node, kind=kind, offering=offering)

    def _forbidden(self, node: PlannedNode, kind: InstanceType) -> Iterator[Finding]:
        policy = self._policy
        checks = {
            f"capacity {node.capacity_type}": node.capacity_type in _ALLOWED[policy.capacity],
            f"family {kind.family}": not policy.families or kind.family in policy.families,
            f"architecture {kind.arch}": not policy.architectures or kind.arch in policy.architectures,
            "burstable types": policy.allow_burstable or not kind.burstable,
            "bare metal types": policy.allow_bare_metal or not kind.bare_metal,
        }
        for what, allowed in checks.items():
            if not allowed:
                yield Rule.LAUNCH_POLICY, f"the policy does not allow {what}"

    def _labels(self, node: PlannedNode, *, kind: InstanceType, template: NodeTemplate) -> Iterator[Finding]:
        labels = labels_of_launched_node(
            template,
            instance_type=kind,
            zone=node.zone,
            region=self._catalog.region,
            capacity_type=node.capacity_type,
        )
        # A plan may or may not stand in for the hostname, which nobody knows before the node runs.
        labels |= {keys.HOSTNAME: node.name} if node.labels.get(keys.HOSTNAME) == node.name else {}
        if dict(node.labels) != labels:
            wrong = sorted({key for key, _ in dict(node.labels).items() ^ labels.items()})
            yield Rule.LAUNCH_FACTS, f"labels differ from those of the template: {', '.join(wrong)}"
        if sorted(node.taints) != sorted(template.taints):
            yield Rule.LAUNCH_FACTS, "taints differ from those of the template"


def _template(kind: InstanceType, template: NodeTemplate, *, policy: Policy) -> Iterator[Finding]:
    if template.architectures and not policy.architectures and kind.arch not in template.architectures:
        yield Rule.LAUNCH_TEMPLATE, f"template {template.name} has no nodes of architecture {kind.arch}"
    if template.families and kind.family not in template.families:
        yield Rule.LAUNCH_TEMPLATE, f"template {template.name} does not allow family {kind.family}"
    if template.instance_types and kind.name not in template.instance_types:
        yield Rule.LAUNCH_TEMPLATE, f"template {template.name} does not allow {kind.name}"


def _facts(node: PlannedNode, *, kind: InstanceType, offering: Offering) -> Iterator[Finding]:
    if node.price_usd_per_h != offering.price_usd_per_h:
        yield Rule.LAUNCH_FACTS, f"price {node.price_usd_per_h} is not the offering's {offering.price_usd_per_h}"
    if node.interruption_per_month != offering.interruption_per_month:
        yield Rule.LAUNCH_FACTS, "interruption probability is not the offering's"
    if node.allocatable != kind.allocatable:
        yield Rule.LAUNCH_FACTS, f"allocatable ({node.allocatable}) is not the catalogue's ({kind.allocatable})"
