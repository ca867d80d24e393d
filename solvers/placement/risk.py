"""Interruption risk of a fleet: what AWS is expected to take, and how much of it at once.

AWS takes capacity pool by pool. The model: a Spot pool is lost as a whole, at the rate of the largest interruption
probability of its nodes, alone or with others of its type or zone (`domain.co_interruption`); on-demand nodes are
never lost.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from domain.co_interruption import (
    ALONE_SHARE,
    MOST_PROBABLE,
    TYPE_SHOCK,
    WINDOWS_PER_MONTH,
    ZONE_SHOCK,
    Shock,
)
from domain.market import CapacityType, Catalog
from domain.node import Node
from domain.plan import PlannedNode, Risk
from domain.policy import Policy
from domain.units import MCPU_PER_CPU

BETWEEN = " in "
"""What stands between instance type and zone in the words of `domain.market.Pool`."""

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
        return f"{self.instance_type}{BETWEEN}{self.zone_id}"


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
        """Probability per month that more than a share ``over`` (0..1) of all vCPUs is lost at once.

        Counts shocks, each as it comes, and pools that fail by themselves within the same window of time. Losing the
        very share is not losing more.
        """
        most = min(math.floor(over * self.vcpus + ROUNDING_VCPU), self.vcpus)
        rates = {pool: -math.log1p(-min(self.loss[pool], MOST_PROBABLE)) for pool in self.spot}
        alone = {pool: -math.expm1(-rate * ALONE_SHARE / WINDOWS_PER_MONTH) for pool, rate in rates.items()}
        events = -WINDOWS_PER_MONTH * math.log1p(-self._beyond(most, alone))
        for shock, group in _shocked(rates):
            highest = max(group.values())
            taken = {pool: shock.takes * rate / highest for pool, rate in group.items()}
            events += shock.share * highest / shock.takes * self._beyond(most, taken)
        return -math.expm1(-events)

    def _beyond(self, most: int, taken: Mapping[str, float]) -> float:
        """Probability that more than so many vCPUs go when each of some pools is taken with a probability of its own.

        Exact: the distribution of the vCPUs lost is built pool by pool, and what exceeds ``most`` is summed apart so
        that small probabilities keep their digits.
        """
        if sum(self.spot[pool] for pool in taken) <= most:
            return 0.0
        within, beyond = np.zeros(most + 1), 0.0
        within[0] = 1.0
        for pool, probability in taken.items():
            vcpus = self.spot[pool]
            lost = probability * within
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


def _shocked(rates: Mapping[str, float]) -> Iterator[tuple[Shock, dict[str, float]]]:
    """Pools that a shock can take together, with their rates; pools that are never lost belong to none."""
    for shock, part in ((TYPE_SHOCK, 0), (ZONE_SHOCK, -1)):
        groups: dict[str, dict[str, float]] = {}
        for pool, rate in rates.items():
            if rate > 0:
                groups.setdefault(pool.split(BETWEEN)[part], {})[pool] = rate
        yield from ((shock, group) for group in groups.values())
