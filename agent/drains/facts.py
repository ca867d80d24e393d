"""What a drain reads of Kubernetes objects: pods and budgets, as values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from agent.kubernetes.api import JsonObject
from domain import labels as keys
from domain.selectors import LabelSelector, Operator, Requirement
from domain.workload import Owner

DEFAULT_GRACE_S = 30
"""Kubernetes' own default for ``terminationGracePeriodSeconds``."""

_DO_NOT_EVICT = "karpenter.sh/do-not-evict"
_DAEMON_SET, _JOB = "DaemonSet", "Job"
_FINISHED = frozenset({"Succeeded", "Failed"})


class Stays(StrEnum):
    """Why a drain has nothing to do with a pod."""

    DAEMON = "it belongs to a DaemonSet"
    MIRROR = "the kubelet runs it from a file"
    FINISHED = "it has finished"


@dataclass(frozen=True, slots=True, kw_only=True)
class PodFacts:
    """A pod on a node that is drained.

    Parameters
    ----------
    grace_s
        Seconds that it may take to end after it was asked to.
    owner
        Its controller, the nearest one: a ReplicaSet rather than its Deployment.
    stays
        Why it is left out of every drain, ``None`` when it is not.
    do_not_disrupt
        Why it must not be evicted but for an interruption, empty when it may be.
    leaves_by
        When its grace period ends (UTC), ``None`` when nobody has asked it to leave yet.
    """

    namespace: str
    name: str
    uid: str
    labels: Mapping[str, str]
    node: str = ""
    grace_s: int = DEFAULT_GRACE_S
    priority: int = 0
    owner: Owner | None = None
    stays: Stays | None = None
    do_not_disrupt: str = ""
    ready: bool = True
    leaves_by: datetime | None = None

    @property
    def key(self) -> str:
        """``namespace/name``."""
        return f"{self.namespace}/{self.name}"

    @property
    def is_job(self) -> bool:
        """Whether it works towards an end, which it may reach by itself."""
        return self.owner is not None and self.owner.kind == _JOB


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """A PodDisruptionBudget. ``allowed`` pods of it may go down now; ``selector`` ``None`` matches no pod."""

    namespace: str
    name: str
    selector: LabelSelector | None
    allowed: int

    @property
    def key(self) -> str:
        """``namespace/name``."""
        return f"{self.namespace}/{self.name}"

    def covers(self, pod: PodFacts) -> bool:
        """Whether the budget counts this pod."""
        return pod.namespace == self.namespace and selects(self.selector, pod.labels)


def read_pod(obj: JsonObject) -> PodFacts:
    """The facts of a Pod object as the API server gives it."""
    metadata, spec, status = obj["metadata"], obj.get("spec") or {}, obj.get("status") or {}
    annotations = metadata.get("annotations") or {}
    owner = controller_of(obj)
    return PodFacts(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata.get("uid", ""),
        labels=metadata.get("labels") or {},
        node=spec.get("nodeName") or "",
        grace_s=max(0, int(_or(spec.get("terminationGracePeriodSeconds"), DEFAULT_GRACE_S))),
        priority=int(spec.get("priority") or 0),
        owner=owner,
        stays=_why_it_stays(annotations, owner, phase=status.get("phase", "")),
        do_not_disrupt=_do_not_disrupt(annotations),
        ready=condition_of(obj, "Ready").get("status") == "True",
        leaves_by=read_time(metadata.get("deletionTimestamp")),
    )


def read_budget(obj: JsonObject) -> Budget:
    """The facts of a PodDisruptionBudget (``policy/v1``, where an empty selector matches every pod)."""
    selector = (obj.get("spec") or {}).get("selector")
    return Budget(
        namespace=obj["metadata"]["namespace"],
        name=obj["metadata"]["name"],
        selector=None if selector is None else read_selector(selector),
        allowed=max(0, int((obj.get("status") or {}).get("disruptionsAllowed") or 0)),
    )


def read_selector(raw: JsonObject) -> LabelSelector:
    """A label selector; an operator that Kubernetes does not know is refused with ``ValueError``."""
    exact = [
        Requirement(key=key, operator=Operator.IN, values=(value,))
        for key, value in (raw.get("matchLabels") or {}).items()
    ]
    listed = [
        Requirement(key=one["key"], operator=Operator(one["operator"]), values=tuple(one.get("values") or ()))
        for one in raw.get("matchExpressions") or ()
    ]
    return LabelSelector(requirements=(*exact, *listed))


def selects(selector: LabelSelector | None, labels: Mapping[str, str]) -> bool:
    """Whether a selector matches labels. ``NotIn`` matches what lacks the key, as in Kubernetes."""
    return selector is not None and all(_holds(one, labels) for one in selector.requirements)


def covering(pod: PodFacts, budgets: Sequence[Budget]) -> tuple[Budget, ...]:
    """Budgets that count this pod; Kubernetes evicts no pod that has more than one."""
    return tuple(budget for budget in budgets if budget.covers(pod))


def controller_of(obj: JsonObject) -> Owner | None:
    """The owner that is in control of an object, if one is."""
    for reference in obj["metadata"].get("ownerReferences") or ():
        if reference.get("controller"):
            return Owner(kind=reference["kind"], name=reference["name"])
    return None


def condition_of(obj: JsonObject, kind: str) -> JsonObject:
    """A condition of an object's status by its type, empty when there is none."""
    for condition in (obj.get("status") or {}).get("conditions") or ():
        if isinstance(condition, dict) and condition.get("type") == kind:
            return condition
    return {}


def read_time(value: object) -> datetime | None:
    """A Kubernetes time, ``None`` where there is none or it is malformed."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def _why_it_stays(annotations: Mapping[str, str], owner: Owner | None, *, phase: str) -> Stays | None:
    if keys.MIRROR_POD in annotations:
        return Stays.MIRROR
    if phase in _FINISHED:
        return Stays.FINISHED
    return Stays.DAEMON if owner is not None and owner.kind == _DAEMON_SET else None


def _do_not_disrupt(annotations: Mapping[str, str]) -> str:
    for key in (keys.DO_NOT_DISRUPT, _DO_NOT_EVICT):
        if annotations.get(key) == "true":
            return f"annotation {key}=true"
    if annotations.get(keys.SAFE_TO_EVICT) == "false":
        return f"annotation {keys.SAFE_TO_EVICT}=false"
    return ""


def _holds(one: Requirement, labels: Mapping[str, str]) -> bool:
    match one.operator:
        case Operator.IN:
            return labels.get(one.key) in one.values
        case Operator.NOT_IN:
            return labels.get(one.key) not in one.values
        case Operator.EXISTS:
            return one.key in labels
        case Operator.DOES_NOT_EXIST:
            return one.key not in labels
        case _:
            return False


def _or(value: int | None, default: int) -> int:
    return default if value is None else value
