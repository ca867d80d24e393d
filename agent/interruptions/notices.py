"""What a node's conditions, taints and labels say about its end. Pure: one node in, what is known out.

Who says what:

- our own node mode sets the conditions ``SpotInterruption`` and ``RebalanceRecommendation`` (see `node`), each naming
  the instance: another instance that takes the node's name later is not meant;
- aws-node-termination-handler taints nodes when it is told to;
- Karpenter and cluster-autoscaler taint nodes that they empty themselves, for whatever reason;
- EKS managed node groups cordon and drain their Spot nodes by themselves, on a rebalance recommendation after their
  replacement is ready, and on an interruption notice in any case (EKS user guide, managed node groups, read 2026-10).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from agent.drains.facts import condition_of, read_time
from agent.drains.marks import DrainOrder, drain_of, is_cordoned, is_cordoned_by_us
from agent.kubernetes.api import JsonObject
from agent.nodes import instance_of
from domain import labels as keys
from domain.events import INTERRUPTION_NOTICE, SpotAction
from domain.signing import wire_time

INTERRUPTION_CONDITION = "SpotInterruption"
REBALANCE_CONDITION = "RebalanceRecommendation"

INTERRUPTION_TAINTS = ("aws-node-termination-handler/spot-itn",)
REBALANCE_TAINTS = ("aws-node-termination-handler/rebalance-recommendation",)

EMPTIED_BY: Mapping[str, str] = {
    "karpenter.sh/disrupted": "Karpenter",
    "karpenter.sh/disruption": "Karpenter",
    "ToBeDeletedByClusterAutoscaler": "cluster-autoscaler",
}
"""Taints of those who empty a node by themselves, and who they are."""

EKS_NODE_GROUP = "eks.amazonaws.com/nodegroup"

_LIFECYCLE_LABELS = (
    keys.KARPENTER_CAPACITY_TYPE,
    keys.EKS_CAPACITY_TYPE,
    "node-lifecycle",
    "alpha.eksctl.io/node-lifecycle",
    "node.kubernetes.io/lifecycle",
    "kops.k8s.io/lifecycle",
    "lifecycle",
)
_SPOT_WORDS = frozenset({"spot", "ec2spot"})


class Kind(Enum):
    """What is said about a node."""

    INTERRUPTION = "interruption"
    REBALANCE = "rebalance"
    NOT_READY = "not_ready"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something that is said about a node.

    Parameters
    ----------
    at
        Since when (UTC), ``None`` when it does not say.
    deadline
        When the instance ends (UTC): two minutes after the notice where it does not say.
    source
        Who says so, for people.
    """

    kind: Kind
    source: str
    at: datetime | None = None
    deadline: datetime | None = None
    action: SpotAction = SpotAction.TERMINATE
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFacts:
    """A node as the guard sees it. ``instance`` says which instance it is, empty for what is none of AWS."""

    name: str
    uid: str
    instance: Mapping[str, str]
    is_spot: bool
    is_ready: bool
    is_cordoned: bool
    is_cordoned_by_us: bool
    eks_group: str
    emptied_by: str
    notices: tuple[Notice, ...]
    drain: DrainOrder | None = None
    """The drain that is marked as under way, whether or not it is."""

    def notice(self, kind: Kind) -> Notice | None:
        """What is said of one kind, if anything is."""
        return next((one for one in self.notices if one.kind is kind), None)


def read_node(node: JsonObject) -> NodeFacts:
    """What is known of a node."""
    metadata, spec = node["metadata"], node.get("spec") or {}
    labels = metadata.get("labels") or {}
    provider = str(spec.get("providerID") or "")
    instance_id = provider.rpartition("/")[2] if provider.startswith("aws://") else ""
    taints = {taint.get("key", ""): taint for taint in spec.get("taints") or ()}
    return NodeFacts(
        name=metadata["name"],
        uid=metadata.get("uid", ""),
        instance=instance_of(node),
        is_spot=is_spot(labels),
        is_ready=condition_of(node, "Ready").get("status") == "True",
        is_cordoned=is_cordoned(node),
        is_cordoned_by_us=is_cordoned_by_us(node),
        eks_group=labels.get(EKS_NODE_GROUP, ""),
        emptied_by=next((who for key, who in EMPTIED_BY.items() if key in taints), ""),
        notices=tuple(_notices(node, taints, instance_id=instance_id)),
        drain=drain_of(node),
    )


def is_spot(labels: Mapping[str, str]) -> bool:
    """Whether a node's labels say that it is a Spot instance."""
    return any(labels.get(key, "").lower().replace("_", "-") in _SPOT_WORDS for key in _LIFECYCLE_LABELS)


def interruption_condition(action: str, deadline: datetime, *, instance_id: str, now: datetime) -> JsonObject:
    """The condition by which the node mode tells that AWS takes a node."""
    message = f"{instance_id} {wire_time(deadline)}"
    return _condition(INTERRUPTION_CONDITION, action.capitalize(), message=message, now=now)


def rebalance_condition(noticed_at: datetime, *, instance_id: str, now: datetime) -> JsonObject:
    """The condition by which the node mode tells that AWS recommends to leave a node."""
    message = f"{instance_id} {wire_time(noticed_at)}"
    return _condition(REBALANCE_CONDITION, "Recommended", message=message, now=now)


def cleared_condition(kind: str, *, now: datetime) -> JsonObject:
    """The condition by which the node mode takes back what was said of an instance before this one."""
    return _condition(kind, "NoNotice", message="nothing is said about this instance", now=now) | {"status": "False"}


def _condition(kind: str, reason: str, *, message: str, now: datetime) -> JsonObject:
    moment = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "type": kind,
        "status": "True",
        "reason": reason,
        "message": message,
        "lastHeartbeatTime": moment,
        "lastTransitionTime": moment,
    }


def _notices(node: JsonObject, taints: Mapping[str, JsonObject], *, instance_id: str) -> list[Notice]:
    found = [
        _told(node, INTERRUPTION_CONDITION, Kind.INTERRUPTION, instance_id=instance_id),
        _told(node, REBALANCE_CONDITION, Kind.REBALANCE, instance_id=instance_id),
        *(_tainted(taints[key], Kind.INTERRUPTION) for key in INTERRUPTION_TAINTS if key in taints),
        *(_tainted(taints[key], Kind.REBALANCE) for key in REBALANCE_TAINTS if key in taints),
        _lost(node),
    ]
    return [one for one in found if one is not None]


def _told(node: JsonObject, condition_type: str, kind: Kind, *, instance_id: str) -> Notice | None:
    condition = condition_of(node, condition_type)
    if condition.get("status") != "True":
        return None
    instance, _, moment = str(condition.get("message", "")).partition(" ")
    if instance != instance_id:
        return None
    at = read_time(condition.get("lastTransitionTime"))
    interrupts = kind is Kind.INTERRUPTION
    return Notice(
        kind=kind,
        source="instance metadata",
        at=at if interrupts else read_time(moment),
        deadline=(read_time(moment) or _after(at)) if interrupts else None,
        action=_action(str(condition.get("reason", ""))) if interrupts else SpotAction.TERMINATE,
    )


def _tainted(taint: JsonObject, kind: Kind) -> Notice:
    at = read_time(taint.get("timeAdded"))
    deadline = _after(at) if kind is Kind.INTERRUPTION else None
    return Notice(kind=kind, source=f"taint {taint['key']}", at=at, deadline=deadline)


def _lost(node: JsonObject) -> Notice | None:
    ready = condition_of(node, "Ready")
    if ready.get("status") in ("True", None):
        return None
    at = read_time(ready.get("lastTransitionTime"))
    reason = str(ready.get("reason") or "NotReady")
    return Notice(kind=Kind.NOT_READY, source="condition Ready", at=at, reason=reason)


def _after(at: datetime | None) -> datetime | None:
    return at + INTERRUPTION_NOTICE if at is not None else None


def _action(reason: str) -> SpotAction:
    try:
        return SpotAction(reason.lower())
    except ValueError:
        return SpotAction.TERMINATE
