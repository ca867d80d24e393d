"""Pods and the rules that say where they may run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from domain.node import Effect
from domain.resources import Resources
from domain.selectors import LabelSelector, NodeTerm


@dataclass(frozen=True, slots=True, kw_only=True)
class Toleration:
    """A toleration. ``exists`` is operator Exists; an empty key with it tolerates everything; no effect means all."""

    key: str = ""
    exists: bool = False
    value: str = ""
    effect: Effect | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PodTerm:
    """A required pod (anti-)affinity term.

    ``namespaces`` is resolved: the names it applies to, ``None`` for all. ``selector`` ``None`` matches no pod.
    """

    topology_key: str
    selector: LabelSelector | None
    namespaces: tuple[str, ...] | None


class NodePolicy(StrEnum):
    """Whether node affinity or taints decide which nodes count as domains of a spread constraint."""

    HONOR = "Honor"
    IGNORE = "Ignore"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpreadConstraint:
    """A topology spread constraint with ``whenUnsatisfiable: DoNotSchedule`` (the soft kind never binds)."""

    topology_key: str
    max_skew: int
    selector: LabelSelector | None
    min_domains: int | None = None
    node_affinity_policy: NodePolicy = NodePolicy.HONOR
    node_taints_policy: NodePolicy = NodePolicy.IGNORE


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class HostPort:
    """A port taken on the node. ``ip`` ``0.0.0.0`` collides with every address."""

    port: int
    protocol: str = "TCP"
    ip: str = "0.0.0.0"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Owner:
    """The controller at the top: a Deployment rather than its ReplicaSet."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """A pod that needs a place.

    Parameters
    ----------
    requests
        Effective requests: the larger of running containers with sidecars and each init step, plus overhead; pods=1.
    node_name
        Where it runs, empty while pending.
    node_affinity
        Required terms, any one of which must match; empty when there is none.
    volume_affinity
        Required terms of each bound persistent volume; every volume must match.
    do_not_disrupt
        Why it must not be evicted, empty when it may be.
    ready
        Counts as healthy for its budgets.
    """

    namespace: str
    name: str
    requests: Resources
    labels: Mapping[str, str] = field(default_factory=dict)
    owner: Owner | None = None
    node_name: str = ""
    node_selector: tuple[tuple[str, str], ...] = ()
    node_affinity: tuple[NodeTerm, ...] = ()
    volume_affinity: tuple[tuple[NodeTerm, ...], ...] = ()
    tolerations: tuple[Toleration, ...] = ()
    affinity: tuple[PodTerm, ...] = ()
    anti_affinity: tuple[PodTerm, ...] = ()
    spread: tuple[SpreadConstraint, ...] = ()
    host_ports: tuple[HostPort, ...] = ()
    priority: int = 0
    termination_grace_s: int = 30
    is_daemon: bool = False
    is_mirror: bool = False
    do_not_disrupt: str = ""
    ready: bool = True

    @property
    def key(self) -> str:
        """``namespace/name``, unique in a cluster."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PodDisruptionBudget:
    """A budget, its percentages resolved as Kubernetes does (rounded up) against the expected number of pods.

    ``disruptions_allowed`` is the number of its pods that may be down more than are down now:
    ``currentHealthy - desiredHealthy``, never below 0. ``selector`` ``None`` matches no pod.
    """

    namespace: str
    name: str
    selector: LabelSelector | None
    disruptions_allowed: int

    @property
    def key(self) -> str:
        """``namespace/name``."""
        return f"{self.namespace}/{self.name}"
