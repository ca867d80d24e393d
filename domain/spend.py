"""What clusters run and cost, what they would have cost without us, and the hours between.

The baseline
------------
What the nodes that ran when the cluster was connected would cost at today's prices, each bought as it was bought then,
in proportion to what the cluster's pods request today. So it follows the workload and the market, and what the customer
had saved before us is not counted as our saving. It says nothing about what else the customer might have done since.

Two parts of a saving
---------------------
With each fleet valued a second time at on-demand prices, a saving comes apart without a rest: *packing* is what the
fleet shrank by at on-demand prices, *Spot* is by how much more its discount is than the baseline's was.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.market import CapacityType
from domain.resources import Resources
from domain.units import GIB
from domain.validate import require_utc

BASELINE_SENTENCE = (
    "Savings are told against the baseline: what the nodes that ran when each cluster was connected would cost at "
    "today's prices, bought as they were then, in proportion to what the cluster's pods request today."
)

MCPU_PER_GIB = 100
"""A GiB of memory counts as a tenth of a CPU: what m, c and r families charge for each (on-demand, us-east-1, 2026-10:
0.034 USD per CPU, 0.0034 USD per GiB)."""

MCPU_PER_ACCELERATOR = 10_000
"""A GPU counts as ten CPUs: what a g4dn.xlarge costs beyond its CPUs and memory."""

_ACCELERATORS = ("gpu", "neuron")


def workload_mcpu(requests: Resources) -> int:
    """How much a pod asks for, as one figure: thousandths of a CPU, memory and accelerators at what they cost."""
    accelerators = sum(
        amount for name, amount in requests.extended if any(word in name.lower() for word in _ACCELERATORS)
    )
    memory = requests.memory_bytes * MCPU_PER_GIB // GIB
    return requests.cpu_mcpu + memory + accelerators * MCPU_PER_ACCELERATOR


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class NodeGroup:
    """Nodes of one type, zone and capacity type, with what all of them cost (micro-USD per hour).

    ``priced`` is false where no price is known: such nodes cost nothing here, and are told of.
    """

    instance_type: str
    zone_id: str
    capacity_type: CapacityType
    nodes: int
    cost_micro_usd_per_h: int = 0
    on_demand_micro_usd_per_h: int = 0
    priced: bool = True

    def __post_init__(self) -> None:
        if self.nodes < 1 or min(self.cost_micro_usd_per_h, self.on_demand_micro_usd_per_h) < 0:
            raise ValueError("a group has nodes, and costs nothing or more")

    @property
    def family(self) -> str:
        """``m6i`` of ``m6i.2xlarge``."""
        return self.instance_type.partition(".")[0]

    def to_json(self) -> dict[str, object]:
        """As it is stored."""
        return {
            "instance_type": self.instance_type,
            "zone_id": self.zone_id,
            "capacity_type": str(self.capacity_type),
            "nodes": self.nodes,
            "cost": self.cost_micro_usd_per_h,
            "on_demand": self.on_demand_micro_usd_per_h,
            "priced": self.priced,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, object]) -> "NodeGroup":
        """What `to_json` wrote."""
        return cls(
            instance_type=str(stored["instance_type"]),
            zone_id=str(stored["zone_id"]),
            capacity_type=CapacityType(str(stored["capacity_type"])),
            nodes=int(str(stored["nodes"])),
            cost_micro_usd_per_h=int(str(stored["cost"])),
            on_demand_micro_usd_per_h=int(str(stored["on_demand"])),
            priced=bool(stored["priced"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What a fleet and its baseline cost an hour, as bought and at on-demand prices. Micro-USD per hour."""

    cost_micro_usd_per_h: int = 0
    on_demand_micro_usd_per_h: int = 0
    baseline_micro_usd_per_h: int = 0
    baseline_on_demand_micro_usd_per_h: int = 0

    @property
    def saving_micro_usd_per_h(self) -> int:
        """By how much the fleet is cheaper than its baseline; below 0 when it is dearer. Never above the baseline."""
        return self.baseline_micro_usd_per_h - self.cost_micro_usd_per_h

    @property
    def spot_saving_micro_usd_per_h(self) -> int:
        """The part that comes from buying Spot; the rest comes from packing."""
        discount = self.on_demand_micro_usd_per_h - self.cost_micro_usd_per_h
        return discount - (self.baseline_on_demand_micro_usd_per_h - self.baseline_micro_usd_per_h)


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What a cluster ran when it was connected, and how much its pods asked for then (`workload_mcpu`)."""

    cluster_id: UUID
    organization_id: UUID
    set_at: datetime
    groups: tuple[NodeGroup, ...]
    workload_mcpu: int

    def __post_init__(self) -> None:
        require_utc(set_at=self.set_at)

    def scaled(self, micro_usd_per_h: int, workload: int) -> int:
        """What the baseline's nodes cost, in proportion to a workload; as it is where nothing was requested then."""
        return micro_usd_per_h * workload // self.workload_mcpu if self.workload_mcpu else micro_usd_per_h


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterFleet:
    """What a cluster runs and costs by its last snapshot.

    Parameters
    ----------
    figured_at
        When it was reckoned (UTC), and prices were read.
    pods, pending_pods
        Without those that have ended.
    groups
        Its nodes by type, zone and capacity type.
    plan_mark
        Generation and status of the youngest plan when it was reckoned.
    plan_saving_micro_usd_per_h, plan_spot_saving_micro_usd_per_h
        What that plan takes off the bill while it is open, and how much of it by Spot.
    """

    cluster_id: UUID
    organization_id: UUID
    observed_at: datetime
    figured_at: datetime
    snapshot_hash: str
    nodes: int
    spot_nodes: int
    ready_nodes: int
    unpriced_nodes: int
    pods: int
    pending_pods: int
    workload_mcpu: int
    cost_micro_usd_per_h: int
    on_demand_micro_usd_per_h: int
    baseline_micro_usd_per_h: int
    baseline_on_demand_micro_usd_per_h: int
    groups: tuple[NodeGroup, ...]
    plan_mark: str = ""
    plan_saving_micro_usd_per_h: int = 0
    plan_spot_saving_micro_usd_per_h: int = 0

    def __post_init__(self) -> None:
        require_utc(observed_at=self.observed_at, figured_at=self.figured_at)

    @property
    def rates(self) -> Rates:
        """What it costs, and would have cost."""
        return Rates(
            cost_micro_usd_per_h=self.cost_micro_usd_per_h,
            on_demand_micro_usd_per_h=self.on_demand_micro_usd_per_h,
            baseline_micro_usd_per_h=self.baseline_micro_usd_per_h,
            baseline_on_demand_micro_usd_per_h=self.baseline_on_demand_micro_usd_per_h,
        )

    def looks_like(self, other: "ClusterFleet | None") -> bool:
        """Whether nobody could tell the two apart in a chart: same nodes, pods, costs and plan."""
        if other is None:
            return False
        names = ("groups", "ready_nodes", "pods", "pending_pods", "rates", "plan_mark")
        return all(getattr(self, name) == getattr(other, name) for name in names)


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetDue:
    """A cluster whose figures are older than what they are made of. ``plan_id`` is its youngest plan."""

    cluster_id: UUID
    organization_id: UUID
    region: str
    plan_id: UUID | None
    plan_mark: str


def totals(groups: Iterable[NodeGroup]) -> tuple[int, int]:
    """What groups of nodes cost together, as bought and at on-demand prices (micro-USD per hour)."""
    listed = tuple(groups)
    return sum(g.cost_micro_usd_per_h for g in listed), sum(g.on_demand_micro_usd_per_h for g in listed)
