"""What the customer allows, wants and pays for stability."""

from dataclasses import dataclass
from enum import StrEnum

from domain.market import Arch


class Capacity(StrEnum):
    """Which capacity types may be launched."""

    SPOT = "spot"
    ON_DEMAND = "on-demand"
    MIXED = "mixed"


class Allocation(StrEnum):
    """How Spot pools are chosen, in EC2's words: by price alone, or with the risk of a pool counted against it."""

    LOWEST_PRICE = "lowest-price"
    PRICE_CAPACITY = "price-capacity-optimized"
    CAPACITY = "capacity-optimized"

    @property
    def risk_premium(self) -> float:
        """As in `Policy`."""
        return {Allocation.LOWEST_PRICE: 0.0, Allocation.PRICE_CAPACITY: 0.05, Allocation.CAPACITY: 0.1}[self]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Limits and weights of planning. The defaults are safe for a cluster nobody has described yet.

    Parameters
    ----------
    capacity
        Capacity types that may be launched. ``mixed`` takes the cheapest that the limits allow.
    families, architectures
        Allowed instance families and architectures; empty allows all.
    excluded_namespaces
        Pods here are evicted only when a PodDisruptionBudget says how (as cluster-autoscaler does for system pods).
    max_pool_share
        Largest share (0..1] of the planned vCPUs in one Spot pool; 1 sets no limit.
    max_loss_share, max_loss_probability
        The probability of losing more than ``max_loss_share`` of the vCPUs within one notice period must stay at most
        ``max_loss_probability`` (per month); a probability of 1 sets no limit.
    risk_premium
        How much dearer (as a share of its price) a pool looks when its monthly interruption probability is 1.
    eviction_cost_usd
        What one eviction is worth avoiding: restart, warm-up, lost caches.
    payback_h
        Hours within which a saving must pay for its evictions.
    min_saving_share
        Smallest saving, as a share of the bill, worth any change; below it nothing is touched (hysteresis).
    node_min_saving_share
        Smallest saving, as a share of a node's price, for which that node is replaced.
    max_concurrent_actions
        Nodes that one step of a plan may touch at once.
    allow_burstable, allow_bare_metal
        Whether t-family and metal types may be launched.
    """

    capacity: Capacity = Capacity.MIXED
    families: tuple[str, ...] = ()
    architectures: tuple[Arch, ...] = ()
    excluded_namespaces: tuple[str, ...] = ("kube-system", "kube-public", "kube-node-lease")
    max_pool_share: float = 1.0
    max_loss_share: float = 0.5
    max_loss_probability: float = 1.0
    risk_premium: float = 0.1
    eviction_cost_usd: float = 0.002
    payback_h: float = 24.0
    min_saving_share: float = 0.02
    node_min_saving_share: float = 0.05
    max_concurrent_actions: int = 5
    allow_burstable: bool = True
    allow_bare_metal: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.max_pool_share <= 1:
            raise ValueError(f"max_pool_share must be above 0 and at most 1, not {self.max_pool_share}")
        for name in ("max_loss_share", "max_loss_probability", "min_saving_share", "node_min_saving_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be within 0..1, not {getattr(self, name)}")
        for name in ("risk_premium", "eviction_cost_usd"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must not be negative, not {getattr(self, name)}")
        if not self.payback_h > 0:
            raise ValueError(f"payback_h must be above 0, not {self.payback_h}")
        if self.max_concurrent_actions < 1:
            raise ValueError(f"max_concurrent_actions must be at least 1, not {self.max_concurrent_actions}")

    @property
    def limits_pools(self) -> bool:
        """Whether it limits what Spot pools may hold."""
        return self.max_pool_share < 1.0 or self.max_loss_probability < 1.0

    @property
    def eviction_cost_usd_per_h(self) -> float:
        """One eviction as a rate over the payback time, comparable with node prices."""
        return self.eviction_cost_usd / self.payback_h
