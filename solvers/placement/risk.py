"""Interruption risk of a fleet: what AWS is expected to take, and how much of it at once.

AWS takes capacity pool by pool. The model: within a month each Spot pool is lost as a whole or not at all, independent
of the others, with the largest interruption probability of its nodes; on-demand nodes are never lost.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from domain.market import CapacityType, Catalog
from domain.node import Node
from domain.plan import PlannedNode, Risk
from domain.policy import Policy
from domain.units import MCPU_PER_CPU

ROUNDING_VCPU = 1e-6
"""A share of the vCPUs that floating point puts this little below a whole number is that number."""


class Holding(Protocol):
    """Something that takes vCPUs of a capacity pool, Spot or not: a node, or an offering for one."""

    @property
    def pool(self) -> str:
        """The capacity pool, in the words of `domain.market.Pool`."""

    @property
    def spot(self) -> bool:
        """Whether AWS may take it."""

    @property
    def vcpu(self) -> int:
        """Its size."""

    @property
    def interruption_per_month(self) -> float:
        """Probability, 0..1, that AWS takes it within a month."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskNode:
    """A node as far as risk goes. ``interruption_per_month`` is a probability, 0..1."""

    instance_type: str
    zone_id: str
    capacity_type: CapacityType
    interruption_per_month: float
    vcpu: int

    @property
    def spot(self) -> bool:
        """Whether AWS may take it."""
        return self.capacity_type is CapacityType.SPOT

    @property
    def pool(self) -> str:
        """Its capacity pool, in the words of `domain.market.Pool`."""
        return f"{self.instance_type} in {self.zone_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """vCPUs of a fleet: in all, by Spot pool, and the probability per month (0..1) that the pool is lost."""

    vcpus: int
    spot: Mapping[str, int]
    loss: Mapping[str, float]

    def share(self, pool: str) -> float:
        """Share (0..1) of all vCPUs in one Spot pool."""
        return self.spot.get(pool, 0) / self.vcpus if self.vcpus else 0.0

    def loss_probability(self, over: float) -> float:
        """Probability per month that the pools lost hold more than a share ``over`` (0..1) of all vCPUs.

        Exact: the distribution of the vCPUs lost is built pool by pool, and what exceeds the share is summed apart so
        that small probabilities keep their digits. Losing the very share is not losing more.
        """
        most = min(math.floor(over * self.vcpus + ROUNDING_VCPU), self.vcpus)
        within, beyond = np.zeros(most + 1), 0.0
        within[0] = 1.0
        for pool, vcpus in self.spot.items():
            lost = self.loss[pool] * within
            beyond += float(lost[max(0, most + 1 - vcpus) :].sum())
            within -= lost
            within[vcpus:] += lost[: max(0, most + 1 - vcpus)]
        return beyond


def risk_nodes(nodes: Iterable[Node | PlannedNode], catalog: Catalog) -> tuple[RiskNode, ...]:
    """Nodes as far as risk goes; of a type that the catalogue does not know, the vCPUs that pods can have, rounded up.

    Planned nodes and running ones count alike; the latter need their prices joined first (`with_prices`).
    """
    return tuple(
        RiskNode(
            instance_type=node.instance_type,
            zone_id=node.zone.id,
            capacity_type=node.capacity_type,
            interruption_per_month=node.interruption_per_month,
            vcpu=_vcpu(node, catalog),
        )
        for node in nodes
    )


def exposure(counted: Iterable[tuple[Holding, int]]) -> Exposure:
    """Count vCPUs by Spot pool, each holding as often as said."""
    total, spot, loss = 0, dict[str, int](), dict[str, float]()
    for holding, number in counted:
        total += holding.vcpu * number
        if holding.spot and number:
            spot[holding.pool] = spot.get(holding.pool, 0) + holding.vcpu * number
            loss[holding.pool] = max(loss.get(holding.pool, 0.0), holding.interruption_per_month)
    return Exposure(vcpus=total, spot=spot, loss=loss)


def fleet_risk(nodes: Sequence[RiskNode], *, policy: Policy) -> Risk:
    """Risk of a fleet; of equally large Spot pools the first by name is the largest."""
    exposed = exposure((node, 1) for node in nodes)
    largest = min(exposed.spot, key=lambda pool: (-exposed.spot[pool], pool), default="")
    return Risk(
        interruptions_per_month=math.fsum(node.interruption_per_month for node in nodes),
        loss_probability_per_month=exposed.loss_probability(policy.max_loss_share),
        spot_share=sum(exposed.spot.values()) / exposed.vcpus if exposed.vcpus else 0.0,
        largest_pool=largest,
        largest_pool_share=exposed.share(largest),
    )


def _vcpu(node: Node | PlannedNode, catalog: Catalog) -> int:
    kind = catalog.types.get(node.instance_type)
    return kind.vcpu if kind is not None else math.ceil(node.allocatable.cpu_mcpu / MCPU_PER_CPU)
