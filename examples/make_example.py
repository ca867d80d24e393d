"""Write the example cluster: ``python -m examples.make_example`` (the same bytes of JSON on every run)."""

import gzip
import json
import random
from pathlib import Path
from typing import Any

from examples.web_shop.controllers import budget_object, controller_objects, volume_objects
from examples.web_shop.fleet import hosts, node_object
from examples.web_shop.names import uid
from examples.web_shop.placing import place
from examples.web_shop.pods import finished_pod, pod_object
from examples.web_shop.workloads import WORKLOADS

TARGET = Path(__file__).parent / "web-shop.json.gz"
_SEED = 7
_FINISHED_PODS = 3

_ORDER = (
    "Node",
    "Pod",
    "PodDisruptionBudget",
    "Deployment",
    "ReplicaSet",
    "StatefulSet",
    "DaemonSet",
    "PersistentVolume",
    "PersistentVolumeClaim",
)
"""Kinds in the order in which kubectl was asked for them."""


def web_shop() -> dict[str, Any]:
    """The List that kubectl would print for the web shop."""
    rng = random.Random(_SEED)
    fleet = hosts(rng)
    placed = place(WORKLOADS, fleet, rng)
    count = {id(workload): sum(p.workload is workload for p in placed) for workload in WORKLOADS}
    items = [node_object(host, uid=uid(f"Node/{host.name}")) for host in fleet]
    items += [pod_object(p) for p in placed] + [finished_pod(fleet[n], n) for n in range(_FINISHED_PODS)]
    items += [budget for workload in WORKLOADS if (budget := budget_object(workload))]
    items += [obj for workload in WORKLOADS for obj in controller_objects(workload, count[id(workload)])]
    items += [obj for p in placed for obj in volume_objects(p)]
    items.sort(key=lambda o: (_ORDER.index(o["kind"]), o["metadata"].get("namespace", ""), o["metadata"]["name"]))
    return {"apiVersion": "v1", "items": items, "kind": "List", "metadata": {"resourceVersion": ""}}


def main() -> None:
    """Write the file."""
    text = json.dumps(web_shop(), indent=4, sort_keys=True) + "\n"
    TARGET.write_bytes(gzip.compress(text.encode(), compresslevel=9, mtime=0))


if __name__ == "__main__":
    main()
