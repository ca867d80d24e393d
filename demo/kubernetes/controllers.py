"""Controllers: what is wanted becomes pods. Each looks at all it cares about and brings it one step nearer."""

import hashlib
import math
from collections.abc import Mapping
from typing import Any

from demo.kubernetes.budgets import leave
from demo.kubernetes.objects import (
    active,
    is_finished,
    is_ready,
    moment,
    new_pod,
    owned,
    owner_uid,
    pods_by_owner,
    read_moment,
)
from demo.kubernetes.store import Object, Store
from domain.canonical import canonical_json

HASH = "pod-template-hash"
SURGE_SHARE = UNAVAILABLE_SHARE = 0.25
"""Kubernetes' own defaults of a rolling update."""

EVERY_S = "demo.spot-optimizer/every-s"
"""Annotation of a CronJob: seconds between its jobs, in place of a schedule in minutes."""

KEPT_S = 20.0
"""How long a finished job is kept."""


def control(store: Store) -> None:
    """One step of all controllers."""
    for deployment in store.of("deployments"):
        _deployment(store, deployment)
    pods = pods_by_owner(store)
    for replica_set in store.of("replicasets"):
        _replica_set(store, replica_set, pods.get(replica_set["metadata"]["uid"], []))
    for stateful_set in store.of("statefulsets"):
        _stateful_set(store, stateful_set, pods.get(stateful_set["metadata"]["uid"], []))
    for daemon_set in store.of("daemonsets"):
        _daemon_set(store, daemon_set, pods.get(daemon_set["metadata"]["uid"], []))
    for cron_job in store.of("cronjobs"):
        _cron_job(store, cron_job)
    for job in store.of("jobs"):
        _job(store, job, pods.get(job["metadata"]["uid"], []))


def _deployment(store: Store, deployment: Object) -> None:
    """Roll over to the template as it is now, a few pods at a time."""
    spec, uid = deployment["spec"], deployment["metadata"]["uid"]
    wanted, template = int(spec["replicas"]), spec["template"]
    digest = hashlib.sha256(canonical_json(template)).hexdigest()[:10]
    sets = [one for one in store.of("replicasets") if owner_uid(one) == uid]
    new = next((one for one in sets if one["metadata"]["labels"][HASH] == digest), None) or _new_set(
        store, deployment, digest=digest
    )
    old = [one for one in sets if one is not new]
    most = wanted + (math.ceil(wanted * SURGE_SHARE) if old else 0)
    _scale(store, new, max(0, min(wanted, most - sum(one["spec"]["replicas"] for one in old))))
    spare = sum(_counted(one, "readyReplicas") for one in (*old, new)) - wanted + int(wanted * UNAVAILABLE_SHARE)
    for one in old:
        unready = one["spec"]["replicas"] - _counted(one, "readyReplicas")
        fewer = min(one["spec"]["replicas"], max(0, spare) + unready)
        _scale(store, one, one["spec"]["replicas"] - fewer)
        spare -= fewer - unready
        if not one["spec"]["replicas"] and not _counted(one, "replicas"):
            store.remove(one)
    ready, updated = sum(_counted(one, "readyReplicas") for one in (*old, new)), _counted(new, "replicas")
    status = {
        "observedGeneration": deployment["metadata"]["generation"],
        "replicas": updated + sum(_counted(one, "replicas") for one in old),
        "updatedReplicas": updated,
        "readyReplicas": ready,
        "availableReplicas": ready,
    }
    store.edit(deployment, lambda changed: changed.update(status=status))


def _new_set(store: Store, deployment: Object, *, digest: str) -> Object:
    template = deployment["spec"]["template"]
    labels = template["metadata"]["labels"] | {HASH: digest}
    template = template | {"metadata": template["metadata"] | {"labels": labels}}
    metadata = owned(deployment) | {"name": f"{deployment['metadata']['name']}-{digest}", "labels": labels}
    spec = {"replicas": 0, "selector": {"matchLabels": labels}, "template": template}
    return store.create({"kind": "ReplicaSet", "metadata": metadata, "spec": spec, "status": {}})


def _scale(store: Store, owner: Object, replicas: int) -> None:
    store.edit(owner, lambda changed: changed["spec"].update(replicas=replicas))


def _counted(obj: Object, field: str) -> int:
    return int((obj.get("status") or {}).get(field) or 0)


def _replica_set(store: Store, replica_set: Object, pods: list[Object]) -> None:
    running = active(pods)
    wanted, name = int(replica_set["spec"]["replicas"]), replica_set["metadata"]["name"]
    for _ in range(wanted - len(running)):
        running.append(store.create(new_pod(replica_set, replica_set["spec"]["template"], f"{name}-{store.suffix()}")))
    least_useful = sorted(running, key=lambda pod: (is_ready(pod), bool(pod["spec"].get("nodeName"))))
    for pod in least_useful[: max(0, len(running) - wanted)]:
        running.remove(pod)
        leave(store, pod)
    _tell(store, replica_set, running)


def _stateful_set(store: Store, stateful_set: Object, pods: list[Object]) -> None:
    """A name is taken again only once its pod has gone."""
    name, spec = stateful_set["metadata"]["name"], stateful_set["spec"]
    names = {pod["metadata"]["name"] for pod in pods}
    for ordinal in range(int(spec["replicas"])):
        if f"{name}-{ordinal}" in names:
            continue
        pod = new_pod(
            stateful_set,
            spec["template"],
            f"{name}-{ordinal}",
            labels={"statefulset.kubernetes.io/pod-name": f"{name}-{ordinal}"},
        )
        volumes = [_claim(store, pod, claim) for claim in spec.get("volumeClaimTemplates") or ()]
        pod["spec"]["volumes"] = [*(pod["spec"].get("volumes") or ()), *volumes]
        store.create(pod)
    _tell(store, stateful_set, active(pods))


def _claim(store: Store, pod: Object, template: Object) -> Object:
    """The claim of one pod, made when it is missing; the volume that stands for it in the pod."""
    name = f"{template['metadata']['name']}-{pod['metadata']['name']}"
    if store.find("persistentvolumeclaims", name, pod["metadata"]["namespace"]) is None:
        metadata = {"name": name, "namespace": pod["metadata"]["namespace"]}
        spec = template["spec"] | {"storageClassName": "gp3", "volumeMode": "Filesystem"}
        store.create(
            {"kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec, "status": {"phase": "Pending"}}
        )
    return {"name": template["metadata"]["name"], "persistentVolumeClaim": {"claimName": name}}


def _daemon_set(store: Store, daemon_set: Object, pods: list[Object]) -> None:
    """One pod on each node that its selector names."""
    taken = {pod["spec"]["nodeName"] for pod in pods}
    spec, name = daemon_set["spec"], daemon_set["metadata"]["name"]
    selector: Mapping[str, str] = spec["template"]["spec"].get("nodeSelector") or {}
    nodes = [node for node in store.of("nodes") if selector.items() <= node["metadata"]["labels"].items()]
    for node in nodes:
        if node["metadata"]["name"] not in taken:
            pod = new_pod(daemon_set, spec["template"], f"{name}-{store.suffix()}")
            pod["spec"]["nodeName"] = node["metadata"]["name"]
            store.create(pod)
    running = active(pods)
    status = {
        "desiredNumberScheduled": len(nodes),
        "currentNumberScheduled": len(running),
        "numberReady": sum(map(is_ready, running)),
    }
    store.edit(daemon_set, lambda changed: changed.update(status=status))


def _cron_job(store: Store, cron_job: Object) -> None:
    every_s = float(cron_job["metadata"]["annotations"][EVERY_S])
    last = (cron_job.get("status") or {}).get("lastScheduleTime")
    if last is not None and (store.now() - read_moment(last)).total_seconds() < every_s:
        return
    metadata = owned(cron_job) | {"name": f"{cron_job['metadata']['name']}-{store.suffix(8)}"}
    store.create({"kind": "Job", "metadata": metadata, "spec": cron_job["spec"]["jobTemplate"]["spec"], "status": {}})
    store.edit(cron_job, lambda changed: changed.update(status={"lastScheduleTime": moment(store.now())}))


def _job(store: Store, job: Object, pods: list[Object]) -> None:
    spec, name = job["spec"], job["metadata"]["name"]
    done = max(_counted(job, "succeeded"), sum(pod["status"]["phase"] == "Succeeded" for pod in pods))
    completions = int(spec.get("completions", 1))
    if ended := (job.get("status") or {}).get("completionTime"):
        if (store.now() - read_moment(ended)).total_seconds() > KEPT_S:
            for pod in pods:
                store.remove(pod)
            store.remove(job)
        return
    running = active(pods)
    for _ in range(min(int(spec.get("parallelism", 1)), completions - done) - len(running)):
        store.create(new_pod(job, spec["template"], f"{name}-{store.suffix()}", labels={"job-name": name}))
    status: Object = {"active": len(running), "succeeded": done}
    if done >= completions and all(map(is_finished, pods)):
        status["completionTime"] = moment(store.now())
    store.edit(job, lambda changed: changed.update(status=status))


def _tell(store: Store, owner: Object, running: list[Object]) -> None:
    ready = sum(map(is_ready, running))
    status: dict[str, Any] = {"replicas": len(running), "readyReplicas": ready, "availableReplicas": ready}
    status["observedGeneration"] = owner["metadata"]["generation"]
    store.edit(owner, lambda changed: changed.update(status=status))
