"""How a node was bought, by the labels of the tools that launch nodes."""

from collections.abc import Mapping

from domain import labels as keys
from domain.market import CapacityType

LIFECYCLE_LABELS = (
    keys.KARPENTER_CAPACITY_TYPE,
    keys.EKS_CAPACITY_TYPE,
    "node-lifecycle",
    "alpha.eksctl.io/node-lifecycle",
    "node.kubernetes.io/lifecycle",
    "kops.k8s.io/lifecycle",
    "spotinst.io/node-lifecycle",
    "lifecycle",
    "cloud.google.com/gke-provisioning",
)
"""Their values are words for Spot or on-demand; the first one that says something counts."""

SPOT_FLAGS = ("cloud.google.com/gke-spot", "cloud.google.com/gke-preemptible")
"""Present with the value ``true`` on Spot nodes, absent on others."""

_GKE_NODE_POOL = "cloud.google.com/gke-nodepool"
_SPOT_WORDS = frozenset({"spot", "ec2spot", "preemptible"})
_RESERVED_WORDS = frozenset({"reserved", "capacity-block"})
_ON_DEMAND_WORDS = frozenset({"on-demand", "ondemand", "od", "normal", "standard"}) | _RESERVED_WORDS


def capacity_type(labels: Mapping[str, str]) -> CapacityType | None:
    """The capacity type that a node's labels tell, ``None`` when they tell none."""
    for word in _words(labels):
        if word in _SPOT_WORDS:
            return CapacityType.SPOT
        if word in _ON_DEMAND_WORDS:
            return CapacityType.ON_DEMAND
    if any(labels.get(key) == "true" for key in SPOT_FLAGS):
        return CapacityType.SPOT
    return CapacityType.ON_DEMAND if _GKE_NODE_POOL in labels else None


def is_reserved(labels: Mapping[str, str]) -> bool:
    """Whether a node runs on capacity that was paid for in advance."""
    return any(word in _RESERVED_WORDS for word in _words(labels))


def _words(labels: Mapping[str, str]) -> list[str]:
    return [labels[key].lower().replace("_", "-") for key in LIFECYCLE_LABELS if key in labels]
