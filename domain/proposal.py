"""What the modules of planning propose, before anybody has decided. Money is USD per hour, as in solvers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum
from types import MappingProxyType

from domain.market import Pool
from domain.plan import Reason
from domain.validate import require_utc


class Module(StrEnum):
    """Who proposes."""

    INTERRUPTION = "interruption"
    CAPACITY = "capacity"
    REBALANCE = "rebalance"
    FALLBACK = "fallback"
    HIBERNATION = "hibernation"
    RIGHTSIZING = "rightsizing"
    PACKING = "packing"
    SPOT_SELECTION = "spot_selection"


class Concern(IntEnum):
    """What a proposal is about, the most urgent first: stability comes before savings."""

    LOSS = 0
    STABILITY = 1
    SCHEDULE = 2
    SAVING = 3


CONCERN_OF: Mapping[Module, Concern] = MappingProxyType(
    {
        Module.INTERRUPTION: Concern.LOSS,
        Module.CAPACITY: Concern.STABILITY,
        Module.REBALANCE: Concern.STABILITY,
        Module.FALLBACK: Concern.STABILITY,
        Module.HIBERNATION: Concern.SCHEDULE,
        Module.RIGHTSIZING: Concern.SAVING,
        Module.PACKING: Concern.SAVING,
        Module.SPOT_SELECTION: Concern.SAVING,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RatedPool:
    """A pool with its price and the probability (0..1) that AWS takes a node of it within a month."""

    pool: Pool
    price_usd_per_h: float
    interruption_per_month: float = 0.0

    def __post_init__(self) -> None:
        if not self.price_usd_per_h > 0:
            raise ValueError(f"price of {self.pool} must be above 0, not {self.price_usd_per_h}")
        if not 0 <= self.interruption_per_month <= 1:
            raise ValueError(f"interruption_per_month of {self.pool} must be within 0..1")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposedLaunch:
    """A node to launch: any of the Spot pools, best first, or on demand. Empty ``spot`` means on demand."""

    name: str
    template: str
    spot: tuple[RatedPool, ...] = ()
    on_demand: tuple[RatedPool, ...] = ()

    def __post_init__(self) -> None:
        if not self.spot and not self.on_demand:
            raise ValueError(f"launch {self.name} names no pool")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """One change of a cluster that makes sense as a whole.

    Parameters
    ----------
    id
        Unique among the proposals of a cluster; the same change proposed again has the same.
    observed_at
        When the cluster was seen that it was made for.
    removes
        Nodes that are emptied and end.
    uses
        Nodes that stay and take the pods: without them the proposal has no sense.
    workloads
        Workloads whose requests change.
    evictions
        Pods that have to move.
    origin
        The plan that it is a part of. Parts of one plan may use the same nodes: their room was shared out among them.
    saving_usd_per_h
        What it takes off the bill at the price of each launch's first pool; negative when it costs.
    """

    id: str
    module: Module
    observed_at: datetime
    reason: Reason
    removes: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    launches: tuple[ProposedLaunch, ...] = ()
    workloads: tuple[str, ...] = ()
    evictions: int = 0
    origin: str = ""
    saving_usd_per_h: float = 0.0

    def __post_init__(self) -> None:
        require_utc(observed_at=self.observed_at)
        if not self.id:
            raise ValueError("a proposal has an id")
        named = [*self.removes, *self.uses]
        if len(set(named)) < len(named):
            raise ValueError(f"proposal {self.id} names a node twice")
        if self.evictions < 0:
            raise ValueError(f"evictions must not be negative, not {self.evictions}")

    @property
    def concern(self) -> Concern:
        """What it is about."""
        return CONCERN_OF[self.module]

    @property
    def nodes(self) -> frozenset[str]:
        """Nodes that it touches or counts on."""
        return frozenset(self.removes) | frozenset(self.uses)
