"""The immutable output of planning: what to do, in order, why, and how good it is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from domain.market import CapacityType, Zone
from domain.node import Taint
from domain.resources import Resources


class ActionKind(StrEnum):
    """What a plan may do."""

    LAUNCH = "launch"
    CORDON = "cordon"
    EVICT = "evict"
    TERMINATE = "terminate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why something is done or left alone: a stable code, a sentence for people, the figures behind it."""

    code: str
    text: str
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """What else could have been done, what it would cost against the choice, and what spoke against it."""

    choice: str
    extra_usd_per_h: float
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One thing to do. Actions of one ``step`` run at once; a step starts when the one before it is done.

    ``node`` is the node acted upon (the node that the pod leaves, for an eviction). ``pod`` and ``target`` are set for
    evictions, and for pending pods of a launch they are not: those are placed by the scheduler without an action.
    """

    id: int
    step: int
    kind: ActionKind
    node: str
    reason: Reason
    pod: str = ""
    target: str = ""
    alternatives: tuple[Alternative, ...] = ()
    binding: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedNode:
    """A node as it will be when the plan is done, daemons included in ``pods`` only where they already run.

    ``existing`` nodes carry their own name; new ones a name of the plan (``new-1``). ``pods`` are keys.
    """

    name: str
    existing: bool
    instance_type: str
    zone: Zone
    capacity_type: CapacityType
    template: str
    price_usd_per_h: float | None
    interruption_per_month: float
    allocatable: Resources
    labels: Mapping[str, str]
    taints: tuple[Taint, ...]
    pods: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptNode:
    """A running node left alone, and why."""

    node: str
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Unschedulable:
    """A pod that fits nowhere, the constraint that binds, and what would help."""

    pod: str
    constraint: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Risk:
    """Interruption risk of a fleet.

    ``interruptions_per_month`` is expected, over all nodes. ``loss_probability_per_month`` is the probability that one
    event takes more than the policy's share of the vCPUs at once. ``largest_pool_share`` is over vCPUs, 0..1.
    """

    interruptions_per_month: float
    loss_probability_per_month: float
    spot_share: float
    largest_pool: str
    largest_pool_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Best cost and proven bound at one moment of solving. ``seconds`` since the start; costs in USD per hour."""

    seconds: float
    phase: str
    cost_usd_per_h: float | None
    lower_bound_usd_per_h: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """An immutable plan. ``generation`` counts the plans of a cluster; ``parent`` is the accepted one it builds on.

    ``lower_bound_usd_per_h`` is proven: no fleet of offerings that the policy allows and of nodes that already run can
    run these pods under these rules for less, when the nodes that must not be touched stay; what moving costs is not in
    it. Costs count nodes with a known price only; ``notes`` name the others.
    """

    cost_usd_per_h: float
    planned_cost_usd_per_h: float
    lower_bound_usd_per_h: float
    nodes: tuple[PlannedNode, ...]
    actions: tuple[Action, ...]
    kept: tuple[KeptNode, ...]
    unschedulable: tuple[Unschedulable, ...]
    risk_before: Risk
    risk_after: Risk
    seconds: float
    seed: int
    trace: tuple[Progress, ...] = ()
    notes: tuple[str, ...] = ()
    generation: int = 1
    parent: int | None = None

    @property
    def gap(self) -> float:
        """Planned cost over the bound, minus 1; 0 when nothing needs to run."""
        if self.lower_bound_usd_per_h <= 0:
            return 0.0
        return max(0.0, self.planned_cost_usd_per_h / self.lower_bound_usd_per_h - 1.0)

    @property
    def saving_usd_per_h(self) -> float:
        """What the plan takes off the bill of the nodes that run now."""
        return self.cost_usd_per_h - self.planned_cost_usd_per_h
