"""What decisions are made from: the cluster now, its recent past, the state of pools, the limits."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from domain.market import Pool
from domain.policy import Policy
from domain.validate import require_utc


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeState:
    """A node that runs.

    ``protected`` is why it must not be disrupted, empty when it may be. ``changed_at`` is when it was last touched by
    a plan, or launched by one.
    """

    template: str
    price_usd_per_h: float | None = None
    interruption_per_month: float = 0.0
    ready: bool = True
    cordoned: bool = False
    protected: str = ""
    changed_at: datetime | None = None

    def __post_init__(self) -> None:
        require_utc(changed_at=self.changed_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Disruption:
    """A node of a template was disrupted by a plan at some time (not by AWS)."""

    template: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityFailure:
    """A request for Spot nodes of a template met no capacity. Quota errors are none."""

    template: str
    pool: Pool
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Fallback:
    """A template that is bought on demand for now.

    ``flips`` counts how often that has happened lately; each makes the next stay twice as long.
    """

    template: str
    since: datetime
    not_before: datetime
    reason: str
    active: bool = True
    flips: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """A cluster at the time of the decision.

    Parameters
    ----------
    nodes
        All that run, by name.
    going
        Nodes that AWS takes.
    busy
        Nodes that a plan is at work on, and which plan.
    flagged, resting
        Pools that the risk registry avoids, and those that had no room a short while ago.
    disruptions, capacity_failures
        Of the last day or so; older ones change nothing.
    fallbacks
        As the last decision left them.
    asleep
        The cluster hibernates, or is about to.
    """

    nodes: Mapping[str, NodeState]
    going: frozenset[str] = frozenset()
    busy: Mapping[str, str] = field(default_factory=dict)
    flagged: frozenset[Pool] = frozenset()
    resting: frozenset[Pool] = frozenset()
    disruptions: tuple[Disruption, ...] = ()
    capacity_failures: tuple[CapacityFailure, ...] = ()
    fallbacks: tuple[Fallback, ...] = ()
    asleep: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionPolicy:
    """Limits of decisions. Times in seconds.

    Parameters
    ----------
    base
        What the customer allows and what an eviction costs; its ``payback_h`` is the stated time within which a change
        must earn back its disruption, its ``max_concurrent_actions`` the nodes that may be worked upon at once.
    cooldown_s
        For how long a node is left alone after a change.
    window_s, window_share, window_nodes
        In any such time savings may disrupt at most this share of the nodes, and always ``window_nodes`` of them.
    max_age_s
        A proposal for a cluster that was seen longer ago is stale.
    max_risk_per_month
        A replacement more likely than this to be taken by AWS is risky, unless all that it replaces is riskier. The
        default is three interruptions a month: one in ten within a day, the time in which a change has to pay.
    overlap_h
        For how long old and new node run side by side: both are paid for.
    churn_window_s
        Disruptions of a template within it make the next one dearer: when each of its nodes was replaced once, twice
        as dear.
    fallback_failures, fallback_window_s
        So many requests without capacity within the time: the template is bought on demand.
    interruption_cost_h
        What it costs when AWS takes a node, in hours of its on-demand price.
    enter_share, leave_share
        What the best pool costs with its interruptions, as a share of the on-demand price: from the first on a template
        falls back, below the second it may return; apart, so that it does not flap.
    min_stay_s, max_stay_s
        How long a fallback lasts at least, doubled with each one in a row up to the longest.
    """

    base: Policy = field(default_factory=Policy)
    cooldown_s: float = 300.0
    window_s: float = 3_600.0
    window_share: float = 0.1
    window_nodes: int = 1
    max_age_s: float = 300.0
    max_risk_per_month: float = 0.95
    overlap_h: float = 0.1
    churn_window_s: float = 86_400.0
    fallback_failures: int = 3
    fallback_window_s: float = 1_800.0
    interruption_cost_h: float = 6.0
    enter_share: float = 1.0
    leave_share: float = 0.9
    min_stay_s: float = 3_600.0
    max_stay_s: float = 86_400.0

    def __post_init__(self) -> None:
        if not 0 < self.leave_share < self.enter_share:
            raise ValueError("0 < leave_share < enter_share must hold")
        if self.interruption_cost_h < 0:
            raise ValueError(f"interruption_cost_h must not be negative, not {self.interruption_cost_h}")
        if not 0 < self.min_stay_s <= self.max_stay_s:
            raise ValueError("0 < min_stay_s <= max_stay_s must hold")
        if not 0 <= self.window_share <= 1 or self.window_nodes < 0:
            raise ValueError("window_share must be within 0..1 and window_nodes not negative")
        if self.fallback_failures < 1:
            raise ValueError(f"fallback_failures must be at least 1, not {self.fallback_failures}")
