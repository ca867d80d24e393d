"""A plan on its way into the world: what is to be launched and removed, what is kept of every step, what was seen.

Money is whole micro-USD per hour; times are UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid5

from domain.market import CapacityType, Pool
from domain.validate import require_after, require_utc

TAG_CLUSTER = "spotopt:cluster"
"""Tag of every instance launched by us: the cluster's id."""

TAG_SAGA = "spotopt:saga"
TAG_STEP = "spotopt:step"
"""Tag of the token of the step that launched it: how a launch whose answer was lost is found again."""


class SagaStatus(StrEnum):
    """How a saga stands.

    ``UNDONE``: all is as it was before. ``STOPPED``: it ended half way, and its reason says with what.
    """

    RUNNING = "running"
    UNDOING = "undoing"
    DONE = "done"
    UNDONE = "undone"
    STOPPED = "stopped"
    DRY_RUN = "dry_run"


OPEN_SAGAS = (SagaStatus.RUNNING, SagaStatus.UNDOING)


class StepKind(StrEnum):
    """What a step does. Steps that only wait for something to be seen are marked so.

    ``CHECK`` waits: the cluster is still what the plan was made for. ``REQUIRE`` tells Karpenter what to launch,
    ``RESTORE`` takes that back. ``JOIN`` waits for a new node to be ready, ``EMPTY`` for a drained one to be seen
    empty, ``SETTLE`` for pods to have places, ``GONE`` for an instance to have ended.
    """

    CHECK = "check"
    REQUIRE = "require"
    LAUNCH = "launch"
    JOIN = "join"
    CORDON = "cordon"
    DRAIN = "drain"
    EMPTY = "empty"
    SETTLE = "settle"
    DETACH = "detach"
    RESIZE = "resize"
    TERMINATE = "terminate"
    GONE = "gone"
    UNCORDON = "uncordon"
    RESTORE = "restore"


class StepStatus(StrEnum):
    """How a step stands.

    ``ASKED`` is recorded before anything is asked, so it may not have happened yet. ``HELD``: asking was not permitted.
    ``DROPPED``: not wanted any more.
    """

    ASKED = "asked"
    HELD = "held"
    DONE = "done"
    FAILED = "failed"
    DROPPED = "dropped"


OPEN_STEPS = (StepStatus.ASKED, StepStatus.HELD)


class LaunchFailure(StrEnum):
    """Why a pool gave nothing. Only ``CAPACITY`` says something about the pool."""

    CAPACITY = "capacity"
    QUOTA = "quota"
    CONFIG = "config"
    OTHER = "other"


class InstanceState(StrEnum):
    """An instance as EC2 sees it; ``ABSENT`` when EC2 does not know it (yet, or any more)."""

    PENDING = "pending"
    RUNNING = "running"
    ENDING = "ending"
    ENDED = "ended"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedPool:
    """A pool that may be launched from, and what a node of it costs."""

    pool: Pool
    price_micro_usd_per_h: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchOrder:
    """Nodes of one kind to launch.

    Parameters
    ----------
    name
        The plan's name of the new node, unique in the plan.
    template
        The customer's group whose launch template the nodes come from, so that they join the cluster.
    spot, on_demand
        Pools that will do, best first. Without ``spot`` on-demand is meant; without ``on_demand`` there is no way back
        when no Spot pool has room.
    planned_micro_usd_per_h
        What one node was promised to cost.
    """

    name: str
    template: str
    spot: tuple[PricedPool, ...] = ()
    on_demand: tuple[PricedPool, ...] = ()
    count: int = 1
    planned_micro_usd_per_h: int = 0

    def __post_init__(self) -> None:
        if not self.spot and not self.on_demand:
            raise ValueError(f"launch {self.name} names no pool")
        if self.count < 1:
            raise ValueError(f"launch {self.name} must be of at least 1 node, not {self.count}")

    def pools(self, capacity_type: CapacityType) -> tuple[PricedPool, ...]:
        """Those of one market."""
        return self.spot if capacity_type is CapacityType.SPOT else self.on_demand


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """A node to empty and end.

    Parameters
    ----------
    asg
        Its Auto Scaling group, empty when it is in none. A member ends through its group, which shrinks by one.
    lower_min_to
        New minimum of the group, where the plan needs one.
    after
        Launches whose nodes must be ready before this one is touched.
    emptied
        Somebody else has cordoned and drained it: it is only seen to be empty, and ended.
    was_cordoned
        It was before we came, and is left so when things are undone.
    """

    node: str
    instance_id: str
    asg: str = ""
    lower_min_to: int | None = None
    price_micro_usd_per_h: int = 0
    after: tuple[str, ...] = ()
    emptied: bool = False
    was_cordoned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePoolRequirement:
    """What Karpenter is to launch for a NodePool while a plan is at work; it is never allowed more than before.

    Parameters
    ----------
    instance_types, zones, capacity_types
        Zones by name. Empty: as the NodePool says.
    template
        The plan's name of the group, whose launches are Karpenter's.
    nodes, vcpu, memory_bytes
        What may be launched beside that which is to go: it must fit into the limits of the NodePool.
    at_once
        Its nodes that may be emptied at once: its disruption budgets must allow as many.
    """

    node_pool: str
    instance_types: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    capacity_types: tuple[CapacityType, ...] = ()
    template: str = ""
    nodes: int = 0
    vcpu: int = 0
    memory_bytes: int = 0
    at_once: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SagaSpec:
    """What a saga is to do; never changes.

    Parameters
    ----------
    stale_at
        Nothing is begun after this time: the cluster has moved on.
    width
        Nodes that are removed at once (MAX_CONCURRENT_ACTIONS).
    promised_micro_usd_per_h
        What the plan was to save. When it cannot be reached any more, the saga stops; 0 or less for plans that are not
        about money.
    karpenter
        NodePools for which Karpenter launches, beside ``launches`` for other groups. They are narrowed first and set
        back at the end.
    """

    id: UUID
    organization_id: UUID
    cluster_id: UUID
    observed_at: datetime
    stale_at: datetime
    reason: str
    launches: tuple[LaunchOrder, ...] = ()
    removals: tuple[Removal, ...] = ()
    karpenter: tuple[NodePoolRequirement, ...] = ()
    plan_generation: int | None = None
    promised_micro_usd_per_h: int = 0
    width: int = 5

    def __post_init__(self) -> None:
        require_utc(observed_at=self.observed_at, stale_at=self.stale_at)
        require_after(self.stale_at, self.observed_at, what="stale_at after observed_at")
        if self.width < 1:
            raise ValueError(f"width must be at least 1, not {self.width}")
        if len({one.node_pool for one in self.karpenter}) < len(self.karpenter):
            raise ValueError("a saga names a NodePool once")
        orders = {order.name for order in self.launches}
        names = [*(order.name for order in self.launches), *(removal.node for removal in self.removals)]
        if len(set(names)) < len(names):
            raise ValueError("a saga names a node once")
        for removal in self.removals:
            if missing := set(removal.after) - orders:
                raise ValueError(f"node {removal.node} waits for {', '.join(sorted(missing))}, which nobody launches")


@dataclass(frozen=True, slots=True, kw_only=True)
class SagaStep:
    """One step of a saga as it is kept. ``step_id`` is unique in its saga.

    Parameters
    ----------
    track
        What the steps before and after it belong to: a launch, a removal, the undoing of either.
    subject
        The node, or the plan's name of a new one; where there are several, an instance.
    token
        Client token: the same question asked again with it happens once.
    tries, retry_at
        How often it was asked, and when it may be asked again.
    due_at
        When it has failed unless it is done.
    result
        What it gave: small, JSON.
    """

    saga_id: UUID
    step_id: str
    organization_id: UUID
    cluster_id: UUID
    track: str
    kind: StepKind
    subject: str
    status: StepStatus
    attempt: int
    token: str
    asked_at: datetime
    due_at: datetime
    tries: int = 1
    retry_at: datetime | None = None
    ended_at: datetime | None = None
    result: Mapping[str, object] = field(default_factory=dict)
    error: str = ""

    def __post_init__(self) -> None:
        require_utc(asked_at=self.asked_at, due_at=self.due_at, retry_at=self.retry_at, ended_at=self.ended_at)
        if (self.ended_at is None) != (self.status in OPEN_STEPS):
            raise ValueError("a step has ended_at when it has ended, and not before")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSaga:
    """A saga as it is kept. ``body`` is its specification as JSON; the version fences off a second runner."""

    id: UUID
    organization_id: UUID
    cluster_id: UUID
    status: SagaStatus
    version: int
    body: Mapping[str, object]
    created_at: datetime
    updated_at: datetime
    plan_generation: int | None = None
    reason: str = ""
    ended_at: datetime | None = None

    def __post_init__(self) -> None:
        require_utc(created_at=self.created_at, updated_at=self.updated_at, ended_at=self.ended_at)
        if (self.ended_at is None) != (self.status in OPEN_SAGAS):
            raise ValueError("a saga has ended_at when it has ended, and not before")


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchRequest:
    """One request for instances, synchronous, without refill (CreateFleet of type instant).

    ``token`` makes it happen once however often it is sent; ``tags`` go to every instance. ``pools`` are best first.
    """

    cluster_id: UUID
    organization_id: UUID
    template: str
    capacity_type: CapacityType
    pools: tuple[Pool, ...]
    count: int
    token: str
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Launched:
    """An instance that was launched, and from where."""

    instance_id: str
    pool: Pool
    capacity_type: CapacityType


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolFailure:
    """A pool that gave nothing, and why; ``text`` is for people."""

    pool: Pool
    failure: LaunchFailure
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchAnswer:
    """What a request gave: fewer instances than asked for are normal."""

    launched: tuple[Launched, ...]
    failures: tuple[PoolFailure, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceView:
    """An instance as EC2 tells of it."""

    instance_id: str
    state: InstanceState
    tags: Mapping[str, str] = field(default_factory=dict)
    launched_at: datetime | None = None
    pool: Pool | None = None
    capacity_type: CapacityType | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeView:
    """A node as Kubernetes tells of it.

    ``evictable_pods`` leaves out daemon and mirror pods. ``volumes_in_use`` are mounted, ``volumes_attached`` merely
    attached; both are empty where that is not known.
    """

    name: str
    instance_id: str
    ready: bool
    cordoned: bool
    evictable_pods: int
    observed_at: datetime
    volumes_in_use: tuple[str, ...] = ()
    volumes_attached: tuple[str, ...] = ()


def step_token(saga_id: UUID, step_id: str) -> str:
    """The client token of a step: the same for the same step, 36 characters."""
    return str(uuid5(saga_id, step_id))


def tags_of(spec: SagaSpec, token: str) -> dict[str, str]:
    """Tags of an instance that a step of a saga launches."""
    return {TAG_CLUSTER: str(spec.cluster_id), TAG_SAGA: str(spec.id), TAG_STEP: token}
