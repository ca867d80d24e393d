"""Parts that objects are made of, and questions that several controllers ask of them."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from demo.kubernetes.kinds import BY_NAME
from demo.kubernetes.store import Object, Store

GRACE_S = 30
"""Kubernetes' own default."""

RUN_S = "demo.spot-optimizer/run-s"
"""Annotation of a pod that ends by itself: after how many seconds."""

SURVIVED_TAINTS = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")


def moment(at: datetime) -> str:
    """A time as Kubernetes writes it."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def read_moment(text: str) -> datetime:
    """The reverse of `moment`."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def owned(obj: Object) -> Object:
    """Metadata for what an object controls."""
    reference = {
        "apiVersion": BY_NAME[obj["kind"]].api_version,
        "kind": obj["kind"],
        "name": obj["metadata"]["name"],
        "uid": obj["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
    return {"namespace": obj["metadata"]["namespace"], "ownerReferences": [reference]}


def owner_uid(obj: Object) -> str:
    """The uid of the controller, empty for none."""
    references = obj["metadata"].get("ownerReferences") or ()
    return str(next((one["uid"] for one in references if one.get("controller")), ""))


def pods_by_owner(store: Store) -> dict[str, list[Object]]:
    """All pods by the uid of their controller."""
    found: dict[str, list[Object]] = {}
    for pod in store.of("pods"):
        found.setdefault(owner_uid(pod), []).append(pod)
    return found


def new_pod(owner: Object, template: Object, name: str, *, labels: Object | None = None) -> Object:
    """A pod of a controller from its template."""
    given = template.get("metadata") or {}
    spec = {"terminationGracePeriodSeconds": GRACE_S, "schedulerName": "default-scheduler", **template["spec"]}
    spec["tolerations"] = [
        *(spec.get("tolerations") or ()),
        *(
            {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
            for key in SURVIVED_TAINTS
        ),
    ]
    metadata = owned(owner) | {
        "name": name,
        "generateName": name.rpartition("-")[0] + "-",
        "labels": (given.get("labels") or {}) | (labels or {}),
        "annotations": dict(given.get("annotations") or {}),
    }
    return {"kind": "Pod", "metadata": metadata, "spec": spec, "status": {"phase": "Pending", "conditions": []}}


def condition_of(obj: Object, kind: str) -> Object:
    """A condition by its type, empty for none."""
    conditions = obj.get("status", {}).get("conditions") or ()
    return next((one for one in conditions if one["type"] == kind), {})


def set_condition(obj: Object, kind: str, status: str, *, at: datetime, **told: Any) -> None:
    """Set a condition; its time changes only when its status does."""
    conditions: list[Object] = obj.setdefault("status", {}).setdefault("conditions", [])
    known = next((one for one in conditions if one["type"] == kind), None)
    if known is None:
        conditions.append({"type": kind, "status": status, "lastTransitionTime": moment(at), **told})
        return
    if known["status"] != status:
        known["lastTransitionTime"] = moment(at)
    known |= {"status": status, **told}


def is_ready(obj: Object) -> bool:
    """Whether a pod or node is ready."""
    return bool(condition_of(obj, "Ready").get("status") == "True")


def is_leaving(obj: Object) -> bool:
    """Whether a pod has been asked to end."""
    return "deletionTimestamp" in obj["metadata"]


def is_finished(pod: Object) -> bool:
    """Whether a pod has run to its end."""
    return pod["status"]["phase"] in ("Succeeded", "Failed")


def active(pods: Iterable[Object]) -> list[Object]:
    """Pods that run or are to run."""
    return [pod for pod in pods if not is_leaving(pod) and not is_finished(pod)]
