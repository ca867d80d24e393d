"""What has just happened to pods and nodes, told from the objects themselves: no event of Kubernetes' own is needed.

An occurrence has the same id whenever it is told, also after a restart, so the service counts it once.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from agent.clock import Clock
from agent.kubernetes.api import JsonObject
from agent.nodes import instance_of
from domain.quantity import parse_units
from domain.signing import wire_time

TOLD_FOR = timedelta(minutes=5)
"""The service ignores what is older, so that is not sent."""

STARTING = timedelta(minutes=2)
"""A node that stops being ready so soon after it was made has not been ready yet: it is starting."""

MAX_MESSAGE = 1_000
"""Characters of a message that is passed on; the scheduler's may be very long."""

_UNSAFE = re.compile(r"[^A-Za-z0-9._:-]")
_OWNER_OF_REPLICA_SET = re.compile(r"(?P<name>.+)-[a-z0-9]{1,10}")


class Occurrences:
    """Tells the events of pods and nodes, each once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._told: dict[str, datetime] = {}
        self._ready_before: dict[str, str] = {}

    def of_pod(self, pod: Mapping[str, Any]) -> list[JsonObject]:
        """Events that the pod as it is now tells, and that were not told before."""
        metadata, status = _map(pod, "metadata"), _map(pod, "status")
        return self._new(
            [*_pending(metadata, status), *_killed(pod, metadata, status), *_evicted(pod, metadata, status)]
        )

    def of_node(self, key: str, node: Mapping[str, Any]) -> list[JsonObject]:
        """The same of a node. ``key`` is what it is forgotten by."""
        ready = _condition(_map(node, "status"), "Ready")
        if ready.get("status") == "True":
            self._ready_before[key] = _uid(node)
            return []
        return self._new(_not_ready(node, ready, was_ready=self._ready_before.get(key) == _uid(node)))

    def forget(self, key: str) -> None:
        """An object has gone."""
        self._ready_before.pop(key, None)

    def _new(self, events: list[JsonObject]) -> list[JsonObject]:
        now = self._clock.now()
        fresh = []
        for event in events:
            at = _time(event["timestamp"])
            if at is not None and now - at < TOLD_FOR and event["event_id"] not in self._told:
                self._told[event["event_id"]] = at
                fresh.append(event)
        if fresh:
            self._told = {event_id: at for event_id, at in self._told.items() if now - at < TOLD_FOR}
        return fresh


def _pending(metadata: Mapping[str, Any], status: Mapping[str, Any]) -> Iterator[JsonObject]:
    """A pod that the scheduler has tried to place and could not."""
    scheduled = _condition(status, "PodScheduled")
    if status.get("phase") != "Pending" or scheduled.get("status") != "False":
        return
    since = _time(scheduled.get("lastTransitionTime"))
    if since is None or scheduled.get("reason") == "SchedulingGated":
        return
    yield _event("pod_pending", since, "pending", metadata.get("uid"), _seconds(since)) | {
        "namespace": metadata.get("namespace"),
        "pod_name": metadata.get("name"),
        "reason": str(scheduled.get("reason") or ""),
        "message": str(scheduled.get("message") or "")[:MAX_MESSAGE],
    }


def _killed(pod: Mapping[str, Any], metadata: Mapping[str, Any], status: Mapping[str, Any]) -> Iterator[JsonObject]:
    """Containers killed for want of memory: as they ended just now, or as they were before they were started again."""
    for container in [*_list(status, "containerStatuses"), *_list(status, "initContainerStatuses")]:
        for state in (_map(container, "state"), _map(container, "lastState")):
            ended = _map(state, "terminated")
            at = _time(ended.get("finishedAt"))
            if ended.get("reason") == "OOMKilled" and at is not None:
                name = str(container.get("name") or "")
                event = _event("oom_killed", at, "oom", metadata.get("uid"), name, _seconds(at))
                yield event | _about_container(pod, metadata, name)


def _evicted(pod: Mapping[str, Any], metadata: Mapping[str, Any], status: Mapping[str, Any]) -> Iterator[JsonObject]:
    """A pod that its kubelet has ended for want of memory, disk or process ids on the node."""
    since = _time(_condition(status, "DisruptionTarget").get("lastTransitionTime"))
    since = since or _time(_condition(status, "Ready").get("lastTransitionTime"))  # kubelets before 1.26
    if status.get("phase") != "Failed" or status.get("reason") != "Evicted" or since is None:
        return
    event = _event("pod_evicted", since, "evicted", metadata.get("uid"))
    owner = _owner(metadata)
    yield (
        event
        | ({"owner": owner} if owner else {})
        | {
            "namespace": metadata.get("namespace"),
            "pod_name": metadata.get("name"),
            "node_name": str(_map(pod, "spec").get("nodeName") or ""),
            "message": str(status.get("message") or "")[:MAX_MESSAGE],
        }
    )


def _about_container(pod: Mapping[str, Any], metadata: Mapping[str, Any], name: str) -> JsonObject:
    about: JsonObject = {
        "namespace": metadata.get("namespace"),
        "pod_name": metadata.get("name"),
        "container": name,
        "node_name": str(_map(pod, "spec").get("nodeName") or ""),
        "limit_bytes": _memory_limit(pod, name),
    }
    owner = _owner(metadata)
    return about | ({"owner": owner} if owner else {})


def _memory_limit(pod: Mapping[str, Any], name: str) -> int:
    spec = _map(pod, "spec")
    for container in [*_list(spec, "containers"), *_list(spec, "initContainers")]:
        if container.get("name") == name:
            limit = _map(_map(container, "resources"), "limits").get("memory")
            try:
                return parse_units(limit) if limit is not None else 0
            except ValueError:
                return 0
    return 0


def _owner(metadata: Mapping[str, Any]) -> JsonObject | None:
    """The controller; a ReplicaSet that a Deployment has made is told as that Deployment, which its hash gives away."""
    for owner in _list(metadata, "ownerReferences"):
        kind, name = owner.get("kind"), owner.get("name")
        if not owner.get("controller") or not kind or not name:
            continue
        made_by = _OWNER_OF_REPLICA_SET.fullmatch(name) if kind == "ReplicaSet" else None
        if made_by and "pod-template-hash" in _map(metadata, "labels"):
            return {"kind": "Deployment", "name": made_by["name"]}
        return {"kind": kind, "name": name}
    return None


def _not_ready(node: Mapping[str, Any], ready: Mapping[str, Any], *, was_ready: bool) -> list[JsonObject]:
    metadata = _map(node, "metadata")
    since, made = _time(ready.get("lastTransitionTime")), _time(metadata.get("creationTimestamp"))
    if since is None or (not was_ready and made is not None and since - made < STARTING):
        return []
    event = _event("node_not_ready", since, "notready", metadata.get("uid"), _seconds(since))
    about = {"node_name": metadata.get("name"), "reason": str(ready.get("reason") or "")}
    return [event | about | instance_of(node)]


def _event(kind: str, at: datetime, *parts: object) -> JsonObject:
    event_id = _UNSAFE.sub("_", "-".join(str(part) for part in parts))
    return {"event_id": event_id[:128], "event_type": kind, "timestamp": wire_time(at)}


def _condition(status: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    return next((one for one in _list(status, "conditions") if one.get("type") == kind), {})


def _map(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def _list(value: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    found = value.get(key)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _uid(obj: Mapping[str, Any]) -> str:
    return str(_map(obj, "metadata").get("uid") or "")


def _time(text: object) -> datetime | None:
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
