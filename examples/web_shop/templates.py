"""Pod templates: what a controller's manifest says about its pods."""

from typing import Any

from examples.web_shop.names import ACCOUNT_REGISTRY
from examples.web_shop.workloads import Workload

_ZONE = "topology.kubernetes.io/zone"
_HOSTNAME = "kubernetes.io/hostname"
_LOG_DIRECTORY = "/var/log/app"


def labels_of(workload: Workload) -> dict[str, str]:
    """Labels that the manifests select by."""
    return {
        "app.kubernetes.io/instance": f"{workload.namespace}-{workload.name}",
        "app.kubernetes.io/name": workload.name,
    }


def pod_template(workload: Workload) -> dict[str, Any]:
    """Metadata and spec of a pod template."""
    annotations = {"prometheus.io/port": str(workload.port), "prometheus.io/scrape": "true"}
    return {
        "metadata": {
            "annotations": annotations | dict(workload.annotations),
            "creationTimestamp": None,
            "labels": labels_of(workload)
            | {"app.kubernetes.io/part-of": workload.namespace, "app.kubernetes.io/version": "2.14.3"},
        },
        "spec": _spec(workload),
    }


def _spec(workload: Workload) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "containers": _containers(workload),
        "dnsPolicy": "ClusterFirst",
        "restartPolicy": "Never" if workload.kind == "Job" else "Always",
        "schedulerName": "default-scheduler",
        "securityContext": {"fsGroup": 2000, "runAsNonRoot": True},
        "serviceAccount": workload.name,
        "serviceAccountName": workload.name,
        "terminationGracePeriodSeconds": workload.grace_s,
    }
    if workload.init:
        spec["initContainers"] = [_init_container(workload.init)]
    if workload.sidecar and workload.kind != "DaemonSet":
        # A sidecar of Kubernetes' own kind: an init container that never ends.
        sidecar = _init_container(workload.sidecar) | {"restartPolicy": "Always"}
        spec["initContainers"] = [sidecar, *spec.get("initContainers", [])]
    if workload.host_network:
        spec["hostNetwork"] = True
    if workload.priority:
        spec["priorityClassName"] = workload.priority
    if workload.group != "general":
        spec["nodeSelector"] = {"workload": workload.group}
    return (
        spec
        | _tolerations(workload)
        | _affinity(workload)
        | _spread(workload)
        | {"volumes": [{"emptyDir": {}, "name": "logs"}]}
    )


def _containers(workload: Workload) -> list[dict[str, Any]]:
    port: dict[str, Any] = {"containerPort": workload.port, "name": "main", "protocol": "TCP"}
    if workload.host_port:
        port["hostPort"] = workload.host_port
    main = _container(workload.name, workload.cpu, workload.memory) | {
        "env": [
            {"name": "ENVIRONMENT", "value": "production"},
            {"name": "OTEL_EXPORTER_OTLP_ENDPOINT", "value": "http://otel-collector.monitoring:4317"},
            {"name": "POD_NAME", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}},
            {
                "name": "DATABASE_PASSWORD",
                "valueFrom": {"secretKeyRef": {"key": "password", "name": f"{workload.name}-db"}},
            },
        ],
        "ports": [port],
        "readinessProbe": {
            "failureThreshold": 3,
            "httpGet": {"path": "/readyz", "port": "main", "scheme": "HTTP"},
            "periodSeconds": 10,
            "successThreshold": 1,
            "timeoutSeconds": 1,
        },
    }
    if workload.gpus:
        main["resources"]["limits"]["nvidia.com/gpu"] = main["resources"]["requests"]["nvidia.com/gpu"] = str(
            workload.gpus
        )
    if workload.disk_mib:
        main["resources"]["requests"]["ephemeral-storage"] = f"{workload.disk_mib}Mi"
    beside = [_container(*workload.sidecar)] if workload.sidecar and workload.kind == "DaemonSet" else []
    return [main, *beside]


def _container(name: str, cpu: int, memory: int) -> dict[str, Any]:
    requests = {"cpu": f"{cpu}m"} | ({"memory": f"{memory}Mi"} if memory else {})
    limits = {"memory": f"{memory}Mi"} if memory else {}
    return {
        "image": f"{ACCOUNT_REGISTRY}/{name}:2.14.3",
        "imagePullPolicy": "IfNotPresent",
        "name": name,
        "resources": {"limits": limits, "requests": requests},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "volumeMounts": [{"mountPath": _LOG_DIRECTORY, "name": "logs"}],
    }


def _init_container(container: tuple[str, int, int]) -> dict[str, Any]:
    return _container(*container)


def _tolerations(workload: Workload) -> dict[str, Any]:
    if workload.kind == "DaemonSet":
        return {"tolerations": [{"operator": "Exists"}]}
    if workload.group == "memory":
        return {"tolerations": [{"effect": "NoSchedule", "key": "dedicated", "operator": "Equal", "value": "memory"}]}
    if workload.group == "gpu":
        return {"tolerations": [{"effect": "NoSchedule", "key": "nvidia.com/gpu", "operator": "Exists"}]}
    return {}


def _affinity(workload: Workload) -> dict[str, Any]:
    affinity: dict[str, Any] = {}
    if workload.apart:
        affinity["podAntiAffinity"] = _required(workload.name, _HOSTNAME)
    if workload.near:
        affinity["podAffinity"] = _required(workload.near, _ZONE)
    if workload.kind == "DaemonSet" and workload.group == "general":
        terms = [
            {"key": "kubernetes.io/os", "operator": "In", "values": ["linux"]},
            {"key": "eks.amazonaws.com/compute-type", "operator": "NotIn", "values": ["fargate"]},
        ]
        rule = "requiredDuringSchedulingIgnoredDuringExecution"
        affinity["nodeAffinity"] = {rule: {"nodeSelectorTerms": [{"matchExpressions": terms}]}}
    return {"affinity": affinity} if affinity else {}


def _required(name: str, topology_key: str) -> dict[str, Any]:
    selector = {"matchLabels": {"app.kubernetes.io/name": name}}
    term = {"labelSelector": selector, "topologyKey": topology_key}
    return {"requiredDuringSchedulingIgnoredDuringExecution": [term]}


def _spread(workload: Workload) -> dict[str, Any]:
    if not workload.zone_skew:
        return {}
    constraint = {
        "labelSelector": {"matchLabels": {"app.kubernetes.io/name": workload.name}},
        "maxSkew": workload.zone_skew,
        "topologyKey": _ZONE,
        "whenUnsatisfiable": "DoNotSchedule",
    }
    return {"topologySpreadConstraints": [constraint]}
