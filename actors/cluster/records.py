"""What a cluster's state is made of: small frozen values."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from domain.commands import EvidenceKind, Priority
from domain.market import CapacityType, Pool
from domain.node import Node
from solvers.decision import CapacityFailure, Disruption, Fallback

EKS_NODE_GROUP = "eks.amazonaws.com/nodegroup"
"""Label of nodes of EKS managed groups. For Spot these replace a node on a rebalance recommendation by themselves."""


class Mode(StrEnum):
    """What becomes of a plan: shown only, carried out once approved, carried out."""

    RECOMMEND = "recommend"
    APPROVE = "approve"
    AUTOMATIC = "automatic"


class RebalancePolicy(StrEnum):
    """What a rebalance recommendation leads to besides a raised risk of the pool."""

    IGNORE = "ignore"
    CORDON = "cordon"
    REPLACE = "replace"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSettings:
    """How a cluster is to be treated. Times in seconds.

    Parameters
    ----------
    cooldown_s
        Between routine plans (OPTIMIZATION_COOLDOWN).
    max_concurrent_actions
        Nodes that a plan works on at once (MAX_CONCURRENT_ACTIONS). Interruptions do not wait for them.
    max_snapshot_age_s
        A plan made from an older snapshot is refused.
    approval_window_s
        How long a plan may await approval: the cluster has moved on after that.
    action_lifetime_s
        How long an agent may take to finish an action.
    cannot_act
        Why no plan can be carried out here, empty where one can: plans are only recommended then, whatever the mode.
    interruption_cost_h
        What it costs when AWS takes a node, in hours of its on-demand price: what Spot saves is weighed against it.
    pending_debounce_s, pending_interval_s
        Pods that turn up pending within the first are planned together, and capacity is planned no more often than the
        second.
    """

    mode: Mode = Mode.RECOMMEND
    rebalance: RebalancePolicy = RebalancePolicy.IGNORE
    cannot_act: str = ""
    cooldown_s: int = 300
    max_concurrent_actions: int = 5
    max_snapshot_age_s: int = 300
    approval_window_s: int = 900
    action_lifetime_s: int = 300
    interruption_cost_h: float = 6.0
    pending_debounce_s: int = 10
    pending_interval_s: int = 60

    def __post_init__(self) -> None:
        if self.max_concurrent_actions < 1:
            raise ValueError(f"max_concurrent_actions must be at least 1, not {self.max_concurrent_actions}")
        for name in ("max_snapshot_age_s", "approval_window_s", "action_lifetime_s"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        for name in ("cooldown_s", "interruption_cost_h", "pending_debounce_s", "pending_interval_s"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative, not {getattr(self, name)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFacts:
    """What the state machine knows of a node.

    ``pool`` is ``None`` where type or zone id are not known; a zone's name is no substitute, it differs by account.
    ``self_replacing``: the node's EKS group replaces it on a rebalance recommendation. ``cordoned``: somebody takes it
    away, we ourselves or another.
    """

    name: str
    instance_id: str = ""
    pool: Pool | None = None
    spot: bool = False
    self_replacing: bool = False
    cordoned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Going:
    """A node that goes, why, and what was done about it.

    ``deadline`` is when it ends (UTC), where that is known. ``replace`` says that its pods need other places.
    ``drained`` says that a drain was queued, ``acted`` that at least a cordon was.
    """

    node: str
    instance_id: str
    cause: str
    kind: EvidenceKind
    at: datetime
    deadline: datetime | None = None
    replace: bool = True
    acted: bool = False
    drained: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyNotice:
    """An interruption of an instance that is not known yet as a node of this cluster."""

    instance_id: str
    cause: str
    at: datetime
    deadline: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """A pool to be avoided until a time (UTC)."""

    pool: Pool
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingPods:
    """Pods wait for capacity since then; ``cause`` is the first one's event."""

    since: datetime
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A plan that is wanted."""

    priority: Priority
    cause: str
    reason: str
    since: datetime
    jobs: tuple[str, ...] = ()
    attempt: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A plan that is being made."""

    request: str
    generation: int
    parent: int | None
    at: datetime
    wish: Wish


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """A node that a plan removes, as the instance that was planned with, and the group that it belongs to."""

    node: str
    instance_id: str
    template: str
    cordoned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanBrief:
    """A plan as it was decided, without what only people and whoever carries it out need.

    Parameters
    ----------
    observed_at
        That of its snapshot.
    launches
        How many nodes it launches.
    removes, uses
        Nodes that it ends, and those that must stay for it to have sense.
    fallbacks
        What is bought on demand from now on, to be handed in with the next decision.
    refused
        How many proposals were refused.
    saving_micro_usd_per_h
        May be negative: capacity costs.
    """

    request: str
    generation: int
    parent: int | None
    observed_at: datetime
    launches: int = 0
    removes: tuple[Leaving, ...] = ()
    uses: tuple[str, ...] = ()
    fallbacks: tuple[Fallback, ...] = ()
    refused: int = 0
    saving_micro_usd_per_h: int = 0

    @property
    def changes_nothing(self) -> bool:
        """Whether there is nothing to carry out."""
        return not self.launches and not self.removes

    @property
    def nodes(self) -> frozenset[str]:
        """Nodes that it touches or counts on."""
        return frozenset(one.node for one in self.removes) | frozenset(self.uses)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A plan that awaits approval."""

    brief: PlanBrief
    cause: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """An accepted plan while its saga carries it out. ``stopping`` says why it is given up, empty while it is not."""

    brief: PlanBrief
    saga: str
    job: str
    cause: str
    stopping: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What decisions remember of a cluster: when its nodes were touched, what was disrupted, what had no room.

    ``changed`` is by node; ``fallbacks`` are those that the last decision left.
    """

    changed: Mapping[str, datetime] = field(default_factory=dict)
    disruptions: tuple[Disruption, ...] = ()
    capacity_failures: tuple[CapacityFailure, ...] = ()
    fallbacks: tuple[Fallback, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryLine:
    """One thing that happened: ``cause`` is the event at the root, ``event`` the one in whose turn it happened."""

    cause: str
    event: str
    at: datetime
    text: str


def facts_of(nodes: Iterable[Node], *, region: str) -> tuple[NodeFacts, ...]:
    """What the state machine keeps of observed nodes."""
    return tuple(_facts(node, region) for node in nodes)


def later(moment: datetime, seconds: float) -> datetime:
    """That many seconds after a moment."""
    return moment + timedelta(seconds=seconds)


def _facts(node: Node, region: str) -> NodeFacts:
    spot = node.capacity_type is CapacityType.SPOT
    pool = Pool(region=region, zone_id=node.zone.id, instance_type=node.instance_type)
    return NodeFacts(
        name=node.name,
        instance_id=instance_id_of(node.provider_id),
        pool=pool if node.instance_type and node.zone.id != node.zone.name else None,
        spot=spot,
        self_replacing=spot and EKS_NODE_GROUP in node.labels,
        cordoned=node.cordoned,
    )


def instance_id_of(provider_id: str) -> str:
    """``i-0abc`` of ``aws:///us-east-1a/i-0abc``, empty for other clouds."""
    last = provider_id.rpartition("/")[2]
    return last if provider_id.startswith("aws://") and last.startswith("i-") else ""
