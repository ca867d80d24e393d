"""The kinds of objects that the simulated API server keeps."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind and where it is served. ``counts_generations``: its spec is somebody's wish, so changes are numbered."""

    name: str
    plural: str
    group: str = ""
    namespaced: bool = True
    counts_generations: bool = False

    @property
    def api_version(self) -> str:
        """``apiVersion`` of its objects."""
        return f"{self.group}/v1" if self.group else "v1"


KINDS = (
    Kind(name="Node", plural="nodes", namespaced=False),
    Kind(name="Namespace", plural="namespaces", namespaced=False),
    Kind(name="PersistentVolume", plural="persistentvolumes", namespaced=False),
    Kind(name="Pod", plural="pods"),
    Kind(name="ConfigMap", plural="configmaps"),
    Kind(name="PersistentVolumeClaim", plural="persistentvolumeclaims"),
    Kind(name="ReplicationController", plural="replicationcontrollers"),
    Kind(name="Lease", plural="leases", group="coordination.k8s.io"),
    Kind(name="PodDisruptionBudget", plural="poddisruptionbudgets", group="policy", counts_generations=True),
    Kind(name="Deployment", plural="deployments", group="apps", counts_generations=True),
    Kind(name="ReplicaSet", plural="replicasets", group="apps", counts_generations=True),
    Kind(name="StatefulSet", plural="statefulsets", group="apps", counts_generations=True),
    Kind(name="DaemonSet", plural="daemonsets", group="apps", counts_generations=True),
    Kind(name="Job", plural="jobs", group="batch", counts_generations=True),
    Kind(name="CronJob", plural="cronjobs", group="batch", counts_generations=True),
)

BY_PLURAL = {kind.plural: kind for kind in KINDS}
BY_NAME = {kind.name: kind for kind in KINDS}
