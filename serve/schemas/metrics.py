"""Answers about money, fleets and what happened. Money is whole micro-USD; a month is 730 hours."""

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import ConfigDict, Field

from domain.fleet import ClusterStatus
from domain.overview import ActivityKind
from domain.spend import BASELINE_SENTENCE
from serve.gateway.workers import Light
from serve.schemas.base import Answer

Share = Annotated[float, Field(ge=0, le=1)]
Sentence = Annotated[str, Field(description="what savings are told against", examples=[BASELINE_SENTENCE])]


class FleetHealthModel(Answer):
    """All clusters together.

    Green: every agent is heard of and every node is ready. Amber: a pod waits, a node is not ready or has no known
    price, or an agent was never heard of. Red: an agent has fallen silent, or more than a tenth of the nodes is not
    ready.
    """

    light: Light
    clusters: Mapping[ClusterStatus, int]
    nodes: int
    ready_nodes: int
    spot_nodes: int
    unpriced_nodes: int = Field(description="nodes whose price nobody knows: they count nothing in money")
    pods: int
    pending_pods: int


class KpiAnswer(Answer):
    """What an organisation's clusters cost and save."""

    monthly_spend_micro_usd: int = Field(description="of what runs now, for a month")
    monthly_baseline_micro_usd: int
    monthly_net_savings_micro_usd: int = Field(description="of what runs now; below 0 when it is dearer")
    savings_share: Annotated[float, Field(le=1, description="of the baseline")]
    spent_micro_usd: int = Field(description="since the month began (UTC)")
    net_savings_micro_usd: int = Field(description="since the month began (UTC); never above the baseline's bill")
    active_nodes: int
    spot_share: Share = Field(description="of the nodes")
    fleet: FleetHealthModel
    open_plans: int
    monthly_plan_savings_micro_usd: int = Field(description="what open plans would take off the bill of a month")
    baseline: Sentence
    as_of: datetime

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "monthly_spend_micro_usd": 4_150_000_000,
                "monthly_baseline_micro_usd": 11_300_000_000,
                "monthly_net_savings_micro_usd": 7_150_000_000,
                "savings_share": 0.633,
                "spent_micro_usd": 2_010_000_000,
                "net_savings_micro_usd": 3_400_000_000,
                "active_nodes": 52,
                "spot_share": 0.79,
                "fleet": {
                    "light": "green",
                    "clusters": {"active": 3},
                    "nodes": 52,
                    "ready_nodes": 52,
                    "spot_nodes": 41,
                    "unpriced_nodes": 0,
                    "pods": 640,
                    "pending_pods": 0,
                },
                "open_plans": 1,
                "monthly_plan_savings_micro_usd": 410_000_000,
                "baseline": BASELINE_SENTENCE,
                "as_of": "2026-10-15T12:00:00Z",
            }
        }
    )


class MonthKind(StrEnum):
    """Whether a month is over, runs, or lies ahead."""

    PAST = "past"
    RUNNING = "running"
    AHEAD = "ahead"


class MonthModel(Answer):
    """One month (UTC) of a chart.

    ``baseline = spend + spot_saving + packing_saving``. Months ahead are what runs now, for a whole month; the running
    one is what was spent and what runs now for the rest of it. What open plans would save is beside it, not in it.
    """

    month: date = Field(description="its first day")
    kind: MonthKind
    baseline_micro_usd: int
    spend_micro_usd: int
    spot_saving_micro_usd: int = Field(description="by buying Spot; below 0 when less is bought than before")
    packing_saving_micro_usd: int = Field(description="by fewer and better filled nodes; below 0 when there are more")
    plan_spot_saving_micro_usd: int = Field(description="what open plans would add by buying Spot")
    plan_packing_saving_micro_usd: int = Field(description="what open plans would add by packing")


class ProjectionAnswer(Answer):
    """Savings by month, oldest first."""

    months: list[MonthModel]
    baseline: Sentence
    as_of: datetime


class PartModel(Answer):
    """One part of all nodes."""

    name: str
    nodes: int
    cost_micro_usd_per_h: int
    share: Share = Field(description="of the cost; of the nodes where nothing has a price")


class CompositionAnswer(Answer):
    """What all nodes are, the dearest part first."""

    nodes: int
    cost_micro_usd_per_h: int
    families: list[PartModel]
    capacity_types: list[PartModel]
    zones: list[PartModel]
    instance_types: list[PartModel]
    as_of: datetime


class ActivityModel(Answer):
    """Something that happened. ``text`` says it in a sentence; the rest is for links and icons."""

    id: UUID
    at: datetime
    kind: ActivityKind
    what: str = Field(description="status of a plan, kind of an action, type of an event")
    text: str
    cluster_id: UUID | None
    cluster_name: str
    subject: str = Field(description="a node, a pod, an instance, a capacity pool")
    status: str = Field(description="how it stands by now")
    reason: str
    plan_id: UUID | None
    generation: int | None
    saving_micro_usd_per_h: int | None
