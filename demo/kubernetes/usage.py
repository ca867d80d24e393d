"""What metrics-server would measure: pods use a share of what they request, which comes and goes over minutes."""

import math
import zlib
from datetime import datetime

from demo.kubernetes.objects import is_ready, moment
from demo.kubernetes.store import Object, Store
from domain.quantity import parse_mcpu, parse_units

SWING_S = 600.0
"""Period of the coming and going."""


def pods(store: Store) -> Object:
    """Use of all pods that run."""
    now = store.now()
    return _list("PodMetricsList", [_of_pod(pod, now) for pod in store.of("pods") if is_ready(pod)])


def nodes(store: Store) -> Object:
    """Use of all nodes: that of their pods."""
    now, used = store.now(), dict.fromkeys((node["metadata"]["name"] for node in store.of("nodes")), (0, 0))
    for pod in store.of("pods"):
        if is_ready(pod) and (name := pod["spec"]["nodeName"]) in used:
            measured = [_share(pod, one, now) for one in pod["spec"]["containers"]]
            used[name] = (used[name][0] + sum(m[0] for m in measured), used[name][1] + sum(m[1] for m in measured))
    items = [{"metadata": {"name": name}, **_stamp(now), "usage": _usage(*amounts)} for name, amounts in used.items()]
    return _list("NodeMetricsList", items)


def _of_pod(pod: Object, now: datetime) -> Object:
    metadata = {key: pod["metadata"][key] for key in ("name", "namespace")}
    containers = [{"name": one["name"], "usage": _usage(*_share(pod, one, now))} for one in pod["spec"]["containers"]]
    return {"metadata": metadata, **_stamp(now), "containers": containers}


def _share(pod: Object, container: Object, now: datetime) -> tuple[int, int]:
    """Thousandths of a CPU and bytes: 20 to 80 % of the requests, another share for each pod."""
    requests = (container.get("resources") or {}).get("requests") or {}
    turn = zlib.crc32(pod["metadata"]["uid"].encode()) % 1000 / 1000
    wave = math.sin(2 * math.pi * (now.timestamp() / SWING_S + turn))
    cpu, memory = parse_mcpu(requests.get("cpu", "10m")), parse_units(requests.get("memory", "16Mi"))
    return int(cpu * (0.3 + 0.3 * turn + 0.1 * wave)), int(memory * (0.4 + 0.3 * turn + 0.02 * wave))


def _usage(mcpu: int, memory_bytes: int) -> Object:
    return {"cpu": f"{mcpu}m", "memory": f"{memory_bytes >> 10}Ki"}


def _stamp(now: datetime) -> Object:
    return {"timestamp": moment(now), "window": "15s"}


def _list(kind: str, items: list[Object]) -> Object:
    return {"kind": kind, "apiVersion": "metrics.k8s.io/v1beta1", "metadata": {}, "items": items}
