"""Manifests in a line each: what the characters are made of."""

from collections.abc import Mapping

from demo.kubernetes.controllers import EVERY_S
from demo.kubernetes.objects import RUN_S
from demo.kubernetes.store import Object

SYSTEM, AGENT = "kube-system", "spot-optimizer"
ZONE, HOST = "topology.kubernetes.io/zone", "kubernetes.io/hostname"
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def namespace(name: str) -> Object:
    """A namespace."""
    return {"kind": "Namespace", "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}}}


def pod(
    name: str,
    *,
    cpu: int,
    memory: int,
    grace_s: int = 30,
    gpus: int = 0,
    spread_zones: int = 0,
    apart: bool = False,
    selector: Mapping[str, str] | None = None,
    tolerates: str = "",
    priority: int = 0,
    run_s: float = 0.0,
    annotations: Mapping[str, str] | None = None,
) -> Object:
    """A pod template.

    Parameters
    ----------
    cpu, memory
        Requests, thousandths of a CPU and MiB.
    spread_zones
        Largest difference between zones, 0 for no rule.
    apart
        No two of them on one node.
    tolerates
        Key of a taint that does not matter; ``*`` for all.
    run_s
        Seconds after which it ends by itself, 0 for never.
    """
    labels = {"app.kubernetes.io/name": name}
    requests: dict[str, str] = {"cpu": f"{cpu}m", "memory": f"{memory}Mi"}
    limits: dict[str, str] = {"memory": f"{memory}Mi"}
    if gpus:
        requests["nvidia.com/gpu"] = limits["nvidia.com/gpu"] = str(gpus)
    spec: Object = {
        "containers": [{"name": name, "image": f"{name}:1", "resources": {"requests": requests, "limits": limits}}],
        "terminationGracePeriodSeconds": grace_s,
        "priority": priority,
    }
    match = {"labelSelector": {"matchLabels": labels}}
    if spread_zones:
        rule = {"maxSkew": spread_zones, "topologyKey": ZONE, "whenUnsatisfiable": "DoNotSchedule", **match}
        spec["topologySpreadConstraints"] = [rule]
    if apart:
        spec["affinity"] = {"podAntiAffinity": {REQUIRED: [{"topologyKey": HOST, **match}]}}
    if selector:
        spec["nodeSelector"] = dict(selector)
    if tolerates:
        spec["tolerations"] = [{"operator": "Exists"} | ({} if tolerates == "*" else {"key": tolerates})]
    if run_s:
        spec["restartPolicy"] = "Never"
    marks = dict(annotations or {}) | ({RUN_S: str(run_s)} if run_s else {})
    return {"metadata": {"labels": labels, "annotations": marks}, "spec": spec}


def deployment(where: str, name: str, replicas: int, template: Object) -> Object:
    """A Deployment."""
    return _controller("Deployment", where, name) | {"spec": _spec(name, template) | {"replicas": replicas}}


def stateful_set(where: str, name: str, replicas: int, template: Object, *, disk_gib: int) -> Object:
    """A StatefulSet whose pods have a zonal disk each."""
    claim = {
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": f"{disk_gib}Gi"}}},
    }
    spec = _spec(name, template) | {"replicas": replicas, "volumeClaimTemplates": [claim]}
    return _controller("StatefulSet", where, name) | {"spec": spec}


def daemon_set(where: str, name: str, template: Object) -> Object:
    """A DaemonSet."""
    return _controller("DaemonSet", where, name) | {"spec": _spec(name, template)}


def cron_job(where: str, name: str, template: Object, *, every_s: float, completions: int, parallelism: int) -> Object:
    """A CronJob that begins a job every so many seconds; the demo has no patience for minutes."""
    job = {"completions": completions, "parallelism": parallelism, "template": template}
    made = _controller("CronJob", where, name) | {"spec": {"jobTemplate": {"spec": job}}}
    made["metadata"]["annotations"] = {EVERY_S: str(every_s)}
    return made


def budget(where: str, name: str, **rule: int | str) -> Object:
    """A PodDisruptionBudget for the pods of a workload: ``maxUnavailable=1`` or ``minAvailable="80%"``."""
    selector = {"matchLabels": {"app.kubernetes.io/name": name}}
    metadata = {"name": name, "namespace": where}
    return {"kind": "PodDisruptionBudget", "metadata": metadata, "spec": {"selector": selector, **rule}}


def system() -> tuple[Object, ...]:
    """What every EKS cluster runs, and the pod that stands for our agent."""
    daemons = {"aws-node": (50, 64), "kube-proxy": (100, 64), "ebs-csi-node": (30, 120)}
    return (
        *map(namespace, ("default", SYSTEM, AGENT)),
        *(
            daemon_set(SYSTEM, name, pod(name, cpu=cpu, memory=memory, tolerates="*", priority=2_000_001_000))
            for name, (cpu, memory) in daemons.items()
        ),
        deployment(SYSTEM, "coredns", 2, pod("coredns", cpu=100, memory=70, priority=2_000_000_000, apart=True)),
        budget(SYSTEM, "coredns", maxUnavailable=1),
        deployment(SYSTEM, "metrics-server", 1, pod("metrics-server", cpu=100, memory=200)),
        budget(SYSTEM, "metrics-server", maxUnavailable=1),
        deployment(AGENT, "spot-optimizer-agent", 1, pod("spot-optimizer-agent", cpu=50, memory=128)),
    )


def _controller(kind: str, where: str, name: str) -> Object:
    return {"kind": kind, "metadata": {"name": name, "namespace": where, "labels": {"app.kubernetes.io/name": name}}}


def _spec(name: str, template: Object) -> Object:
    return {"selector": {"matchLabels": {"app.kubernetes.io/name": name}}, "template": template}
