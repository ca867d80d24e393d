"""The kinds of objects that are watched: those that planning reads (`domain.redaction`)."""

from dataclasses import dataclass

from agent.kubernetes.api import path_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind, and where the API server lists it. An ``optional`` one may not be there: then it has no objects."""

    name: str
    plural: str
    group: str = ""
    optional: bool = False

    @property
    def api_version(self) -> str:
        """What its objects carry as ``apiVersion``; those inside a list leave it out."""
        return f"{self.group}/v1" if self.group else "v1"

    @property
    def path(self) -> str:
        """Of all its objects, in all namespaces."""
        return path_of(self.plural, group=self.group)


NODE = Kind(name="Node", plural="nodes")
POD = Kind(name="Pod", plural="pods")
NODE_POOL = Kind(name="NodePool", plural="nodepools", group="karpenter.sh", optional=True)
"""Watched only where the agent is told of Karpenter."""

KINDS = (
    NODE,
    POD,
    Kind(name="Namespace", plural="namespaces"),
    Kind(name="PersistentVolume", plural="persistentvolumes"),
    Kind(name="PersistentVolumeClaim", plural="persistentvolumeclaims"),
    Kind(name="ReplicationController", plural="replicationcontrollers"),
    Kind(name="PodDisruptionBudget", plural="poddisruptionbudgets", group="policy"),
    Kind(name="DaemonSet", plural="daemonsets", group="apps"),
    Kind(name="Deployment", plural="deployments", group="apps"),
    Kind(name="ReplicaSet", plural="replicasets", group="apps"),
    Kind(name="StatefulSet", plural="statefulsets", group="apps"),
    Kind(name="Job", plural="jobs", group="batch"),
    Kind(name="CronJob", plural="cronjobs", group="batch"),
)
