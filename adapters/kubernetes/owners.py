"""Who brings a pod back: the controller at the top of its owners."""

from adapters.kubernetes.fields import Field
from adapters.kubernetes.inventory import Inventory, namespace_of
from domain.workload import Owner

_HASH_LABELS = {"pod-template-hash": "Deployment", "rollouts-pod-template-hash": "Rollout"}
"""Label that a controller puts on its pods and appends to its ReplicaSets' names, and that controller's kind."""


class Owners:
    """Resolves owners through the objects of the input, and by name where these are missing."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory

    def top(self, pod: Field) -> Owner | None:
        """The topmost controller, ``None`` when the pod has no controller."""
        owner = direct_owner(pod)
        if owner is None:
            return None
        seen: set[Owner] = set()
        while owner not in seen:
            seen.add(owner)
            obj = self._inventory.find(owner.kind, namespace=namespace_of(pod), name=owner.name)
            above = _by_name(owner, pod) if obj is None else direct_owner(obj)
            owner = above or owner
        return owner

    def replicas(self, owner: Owner, *, namespace: str) -> int | None:
        """How many pods a controller should have, ``None`` when the input does not say."""
        obj = self._inventory.find(owner.kind, namespace=namespace, name=owner.name)
        if obj is None or owner.kind in ("Job", "CronJob", "DaemonSet"):
            return None
        return obj["spec"]["replicas"].integer(1, least=0)


def direct_owner(obj: Field) -> Owner | None:
    """The owner that is marked as controller."""
    for reference in obj["metadata"]["ownerReferences"].each():
        if reference["controller"].flag():
            return Owner(kind=reference["kind"].required_text(), name=reference["name"].required_text())
    return None


def _by_name(owner: Owner, pod: Field) -> Owner | None:
    """The Deployment of a ReplicaSet that is not in the input: the name without the hash of the pod template."""
    labels = pod["metadata"]["labels"]
    if owner.kind != "ReplicaSet":
        return None
    for label, kind in _HASH_LABELS.items():
        suffix = labels[label].text()
        if suffix and owner.name.removesuffix(f"-{suffix}") not in (owner.name, ""):
            return Owner(kind=kind, name=owner.name.removesuffix(f"-{suffix}"))
    return None
