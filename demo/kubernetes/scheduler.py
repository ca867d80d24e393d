"""The scheduler: pods that wait go to nodes that the product's own checker lets them go to.

The checker judges by the filters of kube-scheduler. The choice among what is left is kube-scheduler's default in short:
few pods of the same owner, then the least allocated node.
"""

from collections.abc import Iterable

from adapters.kubernetes.snapshot import snapshot_from_objects
from demo.kubernetes.objects import is_finished, is_leaving, moment, owner_uid, set_condition
from demo.kubernetes.store import Object, Store
from domain.workload import Pod
from solvers.checker.census import Census
from solvers.checker.cluster import Cluster
from solvers.checker.scheduler import fits
from solvers.checker.site import Site, running_site

READ = ("namespaces", "nodes", "persistentvolumes", "persistentvolumeclaims", "pods")
"""Kinds that a decision rests on."""


def schedule(store: Store) -> None:
    """Place every pod that fits somewhere; the others are told why not."""
    waiting = [pod for pod in store.of("pods") if not pod["spec"].get("nodeName") and not is_leaving(pod)]
    if not waiting:
        return
    if not store.of("nodes"):
        for obj in waiting:
            _tell(store, obj, "no nodes available to schedule pods")
        return
    snapshot = snapshot_from_objects(_objects(store))
    cluster = Cluster(Census((*snapshot.pods, *snapshot.daemonsets)))
    for node in snapshot.nodes:
        cluster.add(running_site(node))
    for pod in snapshot.pods:
        if pod.node_name:
            cluster.place(pod.key, pod, site=cluster.sites[pod.node_name])
    known = {pod.key: pod for pod in snapshot.pods}
    owners = {f"{pod['metadata']['namespace']}/{pod['metadata']['name']}": owner_uid(pod) for pod in store.of("pods")}
    for obj in sorted(waiting, key=_order):
        pod = known[f"{obj['metadata']['namespace']}/{obj['metadata']['name']}"]
        site = _choose(cluster, pod, owners=owners)
        if site is None:
            _tell(store, obj, f"0/{len(cluster.sites)} nodes are available")
        else:
            cluster.place(pod.key, pod, site=site)
            _bind(store, obj, site)


def _objects(store: Store) -> Iterable[Object]:
    """All that counts. Pods that leave hold their room until they have left."""
    for plural in READ:
        for obj in store.of(plural):
            if plural == "pods" and is_finished(obj):
                continue
            if is_leaving(obj):
                obj = obj | {"metadata": {k: v for k, v in obj["metadata"].items() if k != "deletionTimestamp"}}
            yield obj


def _order(pod: Object) -> tuple[int, str]:
    return -int(pod["spec"].get("priority") or 0), pod["metadata"]["creationTimestamp"]


def _choose(cluster: Cluster, pod: Pod, *, owners: dict[str, str]) -> Site | None:
    sites = [site for site in cluster.sites.values() if fits(cluster, pod, site=site)]
    owner = owners[pod.key]
    return min(sites, key=lambda site: (sum(owners[key] == owner for key in site.pods), _load(site)), default=None)


def _load(site: Site) -> float:
    return sum(site.used[name] / max(1, site.allocatable.get(name, 0)) for name in ("cpu", "memory"))


def _bind(store: Store, pod: Object, site: Site) -> None:
    now = store.now()

    def bind(changed: Object) -> None:
        changed["spec"]["nodeName"] = site.name
        changed["status"]["startTime"] = moment(now)
        set_condition(changed, "PodScheduled", "True", at=now, reason="", message="")

    store.edit(pod, bind)
    for volume in pod["spec"].get("volumes") or ():
        if "persistentVolumeClaim" in volume:
            _provide(store, pod["metadata"]["namespace"], volume["persistentVolumeClaim"]["claimName"], site)


def _provide(store: Store, namespace: str, claim_name: str, site: Site) -> None:
    """A claim without a volume gets one in the zone of its first pod."""
    claim = store.get("persistentvolumeclaims", claim_name, namespace)
    if claim["spec"].get("volumeName"):
        return
    zone = "topology.kubernetes.io/zone"
    term = {"matchExpressions": [{"key": zone, "operator": "In", "values": [site.labels[zone]]}]}
    volume = store.create(
        {
            "kind": "PersistentVolume",
            "metadata": {"name": f"pvc-{claim['metadata']['uid']}"},
            "spec": {
                "capacity": claim["spec"]["resources"]["requests"],
                "accessModes": claim["spec"]["accessModes"],
                "claimRef": {"kind": "PersistentVolumeClaim", "namespace": namespace, "name": claim_name},
                "csi": {"driver": "ebs.csi.aws.com", "volumeHandle": f"vol-{store.suffix(17)}"},
                "nodeAffinity": {"required": {"nodeSelectorTerms": [term]}},
            },
            "status": {"phase": "Bound"},
        }
    )

    def bound(changed: Object) -> None:
        changed["spec"]["volumeName"] = volume["metadata"]["name"]
        changed["status"] = {"phase": "Bound"}

    store.edit(claim, bound)


def _tell(store: Store, pod: Object, why: str) -> None:
    message = f"{why}: see the events of the pod"
    store.edit(
        pod,
        lambda changed: set_condition(
            changed, "PodScheduled", "False", at=store.now(), reason="Unschedulable", message=message
        ),
    )
