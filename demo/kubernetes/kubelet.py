"""Kubelets: pods that were placed start after a while, run, end when they are asked to or when their work is done."""

import zlib

from demo.kubernetes.objects import (
    GRACE_S,
    RUN_S,
    is_finished,
    is_leaving,
    is_ready,
    moment,
    read_moment,
    set_condition,
)
from demo.kubernetes.store import Object, Store

START_S = (2.0, 6.0)
"""Shortest and longest time from being placed to being ready: an image that is there, a probe that passes."""

STOP_S = (1.0, 4.0)
"""The same from being asked to leave to having gone, within the grace period."""


def run_pods(store: Store) -> None:
    """One step of the kubelets of all nodes that are ready."""
    up = {node["metadata"]["name"] for node in store.of("nodes") if is_ready(node)}
    for pod in store.of("pods"):
        if pod["spec"].get("nodeName") not in up:
            continue
        if is_leaving(pod):
            _stop(store, pod)
        elif pod["status"]["phase"] == "Pending":
            _start(store, pod)
        elif not is_finished(pod) and RUN_S in pod["metadata"]["annotations"]:
            _finish(store, pod)


def _start(store: Store, pod: Object) -> None:
    now = store.now()
    if "startTime" not in pod["status"]:
        store.edit(pod, lambda changed: changed["status"].update(startTime=moment(now)))
        return
    if (now - read_moment(pod["status"]["startTime"])).total_seconds() < _between(pod, START_S):
        return

    def ready(changed: Object) -> None:
        changed["status"]["phase"] = "Running"
        for kind in ("PodScheduled", "Initialized", "ContainersReady", "Ready"):
            set_condition(changed, kind, "True", at=now, reason="", message="")
        changed["status"]["containerStatuses"] = [
            {"name": one["name"], "ready": True, "restartCount": 0, "state": {"running": {"startedAt": moment(now)}}}
            for one in changed["spec"]["containers"]
        ]

    store.edit(pod, ready)


def _stop(store: Store, pod: Object) -> None:
    metadata = pod["metadata"]
    grace_s = float(metadata.get("deletionGracePeriodSeconds", GRACE_S))
    left_s = (read_moment(metadata["deletionTimestamp"]) - store.now()).total_seconds()
    if grace_s - left_s >= min(grace_s, _between(pod, STOP_S)):
        store.remove(pod)


def _finish(store: Store, pod: Object) -> None:
    now, started = store.now(), read_moment(pod["status"]["startTime"])
    if (now - started).total_seconds() < float(pod["metadata"]["annotations"][RUN_S]) * _between(pod, (0.7, 1.3)):
        return

    def succeeded(changed: Object) -> None:
        changed["status"]["phase"] = "Succeeded"
        for kind in ("ContainersReady", "Ready"):
            set_condition(changed, kind, "False", at=now, reason="PodCompleted")

    store.edit(pod, succeeded)


def _between(pod: Object, bounds: tuple[float, float]) -> float:
    """The same for one pod each time, another for others."""
    share = zlib.crc32(pod["metadata"]["uid"].encode()) / (1 << 32)
    return bounds[0] + share * (bounds[1] - bounds[0])
