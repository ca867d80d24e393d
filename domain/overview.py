"""What people look at: their clusters as a table, what they cost and save together, what happened lately."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from domain.commands import PlanStatus
from domain.fleet import Cluster, ClusterStatus
from domain.paging import MAX_PAGE
from domain.spend import Rates
from domain.validate import require_utc


class ClusterSort(StrEnum):
    """What a table of clusters may be sorted by."""

    CREATED = "created"
    NAME = "name"
    REGION = "region"
    STATUS = "status"
    NODES = "nodes"
    PODS = "pods"
    SPOT_SHARE = "spot_share"
    COST = "cost"
    SAVING = "saving"
    HEARTBEAT = "heartbeat"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterQuery:
    """Which clusters to show, in which order, from where.

    Parameters
    ----------
    words
        Part of the name, in any case; empty for all.
    statuses, regions, modes
        Empty for all.
    skip
        Rows before the page.
    """

    words: str = ""
    statuses: tuple[ClusterStatus, ...] = ()
    regions: tuple[str, ...] = ()
    modes: tuple[str, ...] = ()
    sort: ClusterSort = ClusterSort.CREATED
    descending: bool = True
    skip: int = 0
    limit: int = 50

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MAX_PAGE or self.skip < 0:
            raise ValueError(f"a page has 1 to {MAX_PAGE} rows, and none less than none before it")


@dataclass(frozen=True, slots=True, kw_only=True)
class LastPlan:
    """The youngest plan of a cluster. ``saving_micro_usd_per_h`` is what it takes off the bill."""

    id: UUID
    generation: int
    status: PlanStatus
    created_at: datetime
    saving_micro_usd_per_h: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetFigures:
    """What a cluster runs and costs by its last snapshot (see `domain.spend.ClusterFleet`)."""

    observed_at: datetime
    nodes: int
    spot_nodes: int
    ready_nodes: int
    unpriced_nodes: int
    pods: int
    pending_pods: int
    cost_micro_usd_per_h: int
    baseline_micro_usd_per_h: int

    @property
    def spot_share(self) -> float:
        """Share of the nodes that is Spot, 0..1."""
        return self.spot_nodes / self.nodes if self.nodes else 0.0

    @property
    def saving_micro_usd_per_h(self) -> int:
        """By how much it is cheaper than its baseline."""
        return self.baseline_micro_usd_per_h - self.cost_micro_usd_per_h


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterRow(Cluster):
    """A cluster as a row of a table. Without ``fleet`` before its first snapshot, without ``plan`` before a plan."""

    mode: str
    fleet: FleetFigures | None = None
    plan: LastPlan | None = None

    @classmethod
    def of(cls, cluster: Cluster, *, mode: str, fleet: FleetFigures | None, plan: LastPlan | None) -> "ClusterRow":
        """The row of a cluster."""
        same = {one.name: getattr(cluster, one.name) for one in fields(Cluster)}
        return cls(mode=mode, fleet=fleet, plan=plan, **same)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterTable:
    """Rows of one page, and how many there are on all pages."""

    rows: tuple[ClusterRow, ...]
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """All clusters of an organisation together, now. Money is micro-USD per hour.

    ``plan_saving…`` is what open plans would take off the bill.
    """

    clusters: Mapping[ClusterStatus, int] = field(default_factory=dict)
    nodes: int = 0
    spot_nodes: int = 0
    ready_nodes: int = 0
    unpriced_nodes: int = 0
    pods: int = 0
    pending_pods: int = 0
    cost_micro_usd_per_h: int = 0
    on_demand_micro_usd_per_h: int = 0
    baseline_micro_usd_per_h: int = 0
    baseline_on_demand_micro_usd_per_h: int = 0
    open_plans: int = 0
    plan_saving_micro_usd_per_h: int = 0
    plan_spot_saving_micro_usd_per_h: int = 0

    @property
    def rates(self) -> Rates:
        """What they cost, and would have cost."""
        return Rates(
            cost_micro_usd_per_h=self.cost_micro_usd_per_h,
            on_demand_micro_usd_per_h=self.on_demand_micro_usd_per_h,
            baseline_micro_usd_per_h=self.baseline_micro_usd_per_h,
            baseline_on_demand_micro_usd_per_h=self.baseline_on_demand_micro_usd_per_h,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What all clusters cost within a time, and would have cost. Micro-USD."""

    actual_micro_usd: int = 0
    baseline_micro_usd: int = 0
    spot_saving_micro_usd: int = 0

    @property
    def saving_micro_usd(self) -> int:
        """By how much it was less; below 0 when it was more."""
        return self.baseline_micro_usd - self.actual_micro_usd

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(
            actual_micro_usd=self.actual_micro_usd + other.actual_micro_usd,
            baseline_micro_usd=self.baseline_micro_usd + other.baseline_micro_usd,
            spot_saving_micro_usd=self.spot_saving_micro_usd + other.spot_saving_micro_usd,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SpentMonth:
    """What was spent within the hours of a month (UTC) that are over and known. ``month`` is its first day."""

    month: date
    spent: Spent


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """An organisation as admins see it: how much it runs, and nothing of what. Money is micro-USD per hour."""

    id: UUID
    name: str
    created_at: datetime
    suspended_at: datetime | None
    users: int
    clusters: int
    nodes: int
    cost_micro_usd_per_h: int
    baseline_micro_usd_per_h: int

    def __post_init__(self) -> None:
        require_utc(created_at=self.created_at, suspended_at=self.suspended_at)


class ActivityKind(StrEnum):
    """What happened."""

    PLAN_MADE = "plan_made"
    PLAN_APPROVED = "plan_approved"
    PLAN_ENDED = "plan_ended"
    ACTION = "action"
    AWS = "aws"
    EVENT = "event"
    FLAG = "flag"


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """Something that happened to a cluster, or (``FLAG``) to a capacity pool in a region where there is one.

    Parameters
    ----------
    what
        Status of a plan, kind of an action, type of an event.
    subject
        What it was done to: a node, a pod, an instance, a pool; empty for plans.
    status
        How it ended so far, in the words of its table.
    plan_id, generation, saving_micro_usd_per_h
        Of the plan that it is about or comes from, where there is one.
    """

    id: UUID
    at: datetime
    kind: ActivityKind
    what: str
    cluster_id: UUID | None = None
    cluster_name: str = ""
    subject: str = ""
    status: str = ""
    reason: str = ""
    plan_id: UUID | None = None
    generation: int | None = None
    saving_micro_usd_per_h: int | None = None

    def __post_init__(self) -> None:
        require_utc(at=self.at)
