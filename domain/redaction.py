"""What of a Kubernetes object may leave the customer's cluster: an allow-list of kinds and fields.

Whatever planning does not read stays where it is: environment, commands, images, addresses, annotations, Secrets and
ConfigMaps. A field that is not named here is left out, so a field that Kubernetes invents tomorrow is too.
"""

from collections.abc import Mapping

from domain import labels as keys
from domain.canonical import KubeObject

Fields = Mapping[str, "Fields | None"]
"""Fields that stay, by name, each with those inside it; ``None`` keeps the whole value. Lists apply to each element."""

ANNOTATIONS = (
    keys.DO_NOT_DISRUPT,
    keys.SAFE_TO_EVICT,
    keys.SCALE_DOWN_DISABLED,
    keys.MIRROR_POD,
    "karpenter.sh/do-not-evict",
)
"""Annotations that tell what must not be touched; all others stay at home."""

_RESOURCES: Fields = {"requests": None, "limits": None}
_METADATA: Fields = {
    "name": None,
    "namespace": None,
    "uid": None,
    "labels": None,
    "annotations": dict.fromkeys(ANNOTATIONS),
    "ownerReferences": {"kind": None, "name": None, "controller": None},
    "generation": None,
    "deletionTimestamp": None,
}
_CONDITIONS: Fields = {"type": None, "status": None, "reason": None}
_CONTAINER: Fields = {
    "name": None,
    "resources": _RESOURCES,
    "ports": {"containerPort": None, "hostPort": None, "hostIP": None, "protocol": None},
    "restartPolicy": None,
}
_CONTAINER_STATUS: Fields = {"name": None, "resources": _RESOURCES, "allocatedResources": None}
_POD_SPEC: Fields = {
    "affinity": None,
    "containers": _CONTAINER,
    "hostNetwork": None,
    "initContainers": _CONTAINER,
    "nodeName": None,
    "nodeSelector": None,
    "overhead": None,
    "priority": None,
    "resourceClaims": {"name": None},
    "resources": _RESOURCES,
    "schedulerName": None,
    "schedulingGates": {"name": None},
    "terminationGracePeriodSeconds": None,
    "tolerations": None,
    "topologySpreadConstraints": None,
    "volumes": {
        "name": None,
        "persistentVolumeClaim": {"claimName": None},
        # Only that there is one matters: such a disk ties its pod to a zone.
        "awsElasticBlockStore": {},
        "gcePersistentDisk": {},
    },
}
_POD_STATUS: Fields = {
    "phase": None,
    "conditions": _CONDITIONS,
    "containerStatuses": _CONTAINER_STATUS,
    "initContainerStatuses": _CONTAINER_STATUS,
}
_TEMPLATE: Fields = {"metadata": {"labels": None, "annotations": dict.fromkeys(ANNOTATIONS)}, "spec": _POD_SPEC}
_NODE_POOL_SPEC: Fields = {
    "disruption": {"budgets": None},
    "limits": None,
    "replicas": None,
    "template": {
        "spec": {
            "nodeClassRef": {"group": None},
            "requirements": None,
            "taints": {"key": None, "value": None, "effect": None},
        }
    },
    "weight": None,
}
_OWNER: Fields = {"metadata": _METADATA, "spec": {"replicas": None}}

_KINDS: Mapping[str, tuple[tuple[str, ...], Fields]] = {
    "Node": (
        ("",),
        {
            "metadata": _METADATA,
            "spec": {"providerID": None, "taints": {"key": None, "value": None, "effect": None}, "unschedulable": None},
            "status": {"allocatable": None, "capacity": None, "conditions": _CONDITIONS},
        },
    ),
    "Pod": (("",), {"metadata": _METADATA, "spec": _POD_SPEC, "status": _POD_STATUS}),
    "Namespace": (("",), {"metadata": _METADATA}),
    "PersistentVolume": (("",), {"metadata": _METADATA, "spec": {"nodeAffinity": None}}),
    "PersistentVolumeClaim": (("",), {"metadata": _METADATA, "spec": {"volumeName": None}}),
    "PodDisruptionBudget": (
        ("policy",),
        {
            "metadata": _METADATA,
            "spec": {"selector": None, "minAvailable": None, "maxUnavailable": None},
            "status": {"disruptionsAllowed": None, "observedGeneration": None},
        },
    ),
    "DaemonSet": (("apps", "extensions"), {"metadata": _METADATA, "spec": {"template": _TEMPLATE}}),
    "Deployment": (("apps", "extensions"), _OWNER),
    "ReplicaSet": (("apps", "extensions"), _OWNER),
    "StatefulSet": (("apps",), _OWNER),
    "ReplicationController": (("",), _OWNER),
    "Job": (("batch",), {"metadata": _METADATA}),
    "CronJob": (("batch",), {"metadata": _METADATA}),
    "NodePool": (
        ("karpenter.sh",),
        {"metadata": _METADATA, "spec": _NODE_POOL_SPEC, "status": {"resources": None, "nodes": None}},
    ),
}
"""Kinds that planning reads, their API groups, and what stays of each."""


def redact(obj: KubeObject) -> KubeObject | None:
    """A copy with only what planning reads, ``None`` for a kind that it does not read."""
    kind, version = obj.get("kind"), obj.get("apiVersion")
    if not isinstance(kind, str) or kind not in _KINDS:
        return None
    groups, fields = _KINDS[kind]
    group = version.rpartition("/")[0] if isinstance(version, str) else ""
    if group not in groups and version:
        return None
    return {"apiVersion": version, "kind": kind, **_kept(obj, fields)}


def _kept(value: KubeObject, fields: Fields) -> KubeObject:
    """Null and absent mean the same; an empty map does not (an empty selector selects all), so it stays."""
    result: KubeObject = {}
    for key, inner in fields.items():
        child = value.get(key)
        if child is not None:
            result[key] = child if inner is None else _inside(child, inner)
    return result


def _inside(value: object, fields: Fields) -> object:
    if isinstance(value, dict):
        return _kept(value, fields)
    if isinstance(value, list):
        return [_inside(element, fields) for element in value]
    # Planning refuses a scalar where an object belongs; what it was stays at home.
    return None if value is None else 0
