"""The plan as JSON: the models that ``docs/plan.schema.json`` is generated from."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from domain.market import CapacityType
from domain.node import Effect
from domain.plan import ActionKind

SCHEMA_VERSION: Literal["1"] = "1"
"""Raised when a field is taken away or changes its meaning; new fields do not raise it."""

_DIALECT = "https://json-schema.org/draft/2020-12/schema"

Money = Annotated[float, Field(description="USD per hour", allow_inf_nan=False)]
Cost = Annotated[float, Field(ge=0, description="USD per hour", allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ReasonModel(_Model):
    """Why: a code that stays the same between versions, a sentence, the figures behind it."""

    code: str
    text: str
    figures: dict[str, float] = {}


class AlternativeModel(_Model):
    """What else could have been done and what spoke against it."""

    choice: str
    extra_usd_per_h: Annotated[Money, Field(description="USD per hour more than the choice that was made")]
    verdict: str


class ActionModel(_Model):
    """One thing to do. Actions with the same step run at once, steps one after the other."""

    id: int
    step: int
    kind: ActionKind
    node: Annotated[str, Field(description="the node acted upon; for an eviction the node that the pod leaves")]
    pod: Annotated[str, Field(description="namespace/name of the evicted pod, empty for other kinds")] = ""
    target: Annotated[str, Field(description="the node the evicted pod is meant for, empty for other kinds")] = ""
    reason: ReasonModel
    alternatives: list[AlternativeModel] = []
    binding: Annotated[str, Field(description="the constraint that decided, empty when it was the price alone")] = ""


class ResourcesModel(_Model):
    """Amounts of resources."""

    cpu_mcpu: Annotated[Count, Field(description="thousandths of a CPU")] = 0
    memory_bytes: Count = 0
    pods: Count = 0
    ephemeral_bytes: Count = 0
    extended: Annotated[dict[str, Count], Field(description="GPUs, huge pages and the like, by name")] = {}


class TaintModel(_Model):
    """A node taint."""

    key: str
    effect: Effect
    value: str = ""


class NodeModel(_Model):
    """A node as it will be when the plan is done."""

    name: Annotated[str, Field(description="its own name when it runs already, a name of the plan when it is new")]
    existing: bool
    instance_type: str
    zone_id: Annotated[str, Field(description="the same for every AWS account, such as use1-az6")]
    zone_name: Annotated[str, Field(description="as this account calls it, such as us-east-1a")]
    capacity_type: CapacityType
    template: Annotated[str, Field(description="the node pool it belongs to")]
    price_usd_per_h: Annotated[Cost | None, Field(description="USD per hour, null when it is not known")]
    interruption_per_month: Annotated[Share, Field(description="probability that AWS takes it within 730 h")]
    allocatable: ResourcesModel
    labels: dict[str, str] = {}
    taints: list[TaintModel] = []
    pods: Annotated[list[str], Field(description="namespace/name of each pod on it")]


class KeptModel(_Model):
    """A running node left alone, and why."""

    node: str
    reason: ReasonModel


class UnschedulableModel(_Model):
    """A pod that fits nowhere, the constraint that binds, what would help."""

    pod: str
    constraint: str
    detail: str


class RiskModel(_Model):
    """Interruption risk of a fleet."""

    interruptions_per_month: Annotated[float, Field(ge=0, description="nodes AWS is expected to take in 730 h")]
    loss_probability_per_month: Annotated[
        Share, Field(description="probability that one event takes more than the policy's max_loss_share of the vCPUs")
    ]
    spot_share: Annotated[Share, Field(description="share of the vCPUs that is Spot")]
    largest_pool: Annotated[str, Field(description="the Spot pool with most vCPUs, empty when there is none")]
    largest_pool_share: Annotated[Share, Field(description="its share of the vCPUs")]


class RiskChangeModel(_Model):
    """Risk of what runs now and of what the plan leads to."""

    before: RiskModel
    after: RiskModel


class ProgressModel(_Model):
    """Best cost and proven bound at one moment of solving."""

    seconds: Annotated[float, Field(ge=0, description="since the start")]
    phase: str
    cost_usd_per_h: Annotated[Cost | None, Field(description="USD per hour, null before the first plan is found")]
    lower_bound_usd_per_h: Cost


class ZoneModel(_Model):
    """An availability zone."""

    id: str
    name: str


class ClusterModel(_Model):
    """What was planned, so that a saved plan can be told from another."""

    region: str
    zones: list[ZoneModel]
    nodes: Annotated[Count, Field(description="nodes that run now")]
    pods: Annotated[Count, Field(description="pods that take room, daemons included")]
    observed_at: datetime | None
    prices_as_of: date


class PlanModel(_Model):
    """A plan of Spot Optimizer: what to do, in order, why, and how good it is."""

    schema_version: Literal["1"]
    generation: Annotated[int, Field(ge=1)]
    parent: int | None
    cluster: ClusterModel | None
    cost_usd_per_h: Annotated[Cost, Field(description="what the nodes that run now cost, USD per hour")]
    planned_cost_usd_per_h: Annotated[Cost, Field(description="what the planned nodes cost, USD per hour")]
    lower_bound_usd_per_h: Annotated[
        Cost, Field(description="proven: no fleet that the policy allows runs these pods for less, USD per hour")
    ]
    gap: Annotated[float, Field(ge=0, description="planned cost over the bound, minus 1")]
    saving_usd_per_h: Money
    saving_usd_per_month: Annotated[float, Field(description="USD per 730 h", allow_inf_nan=False)]
    risk: RiskChangeModel
    nodes: list[NodeModel]
    actions: list[ActionModel]
    kept: list[KeptModel]
    unschedulable: list[UnschedulableModel]
    seconds: Annotated[float, Field(ge=0, description="time spent on planning")]
    seed: int
    trace: list[ProgressModel]
    notes: Annotated[list[str], Field(description="what was left out or assumed, and why")]
    running: Annotated[
        list[NodeModel] | None, Field(description="the nodes as they were, where that was written with the plan")
    ] = None
    requests: Annotated[
        dict[str, tuple[Count, Count]] | None,
        Field(description="what each pod requests, by namespace/name: thousandths of a CPU, bytes of memory"),
    ] = None


def plan_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of `PlanModel` as it is written."""
    schema = PlanModel.model_json_schema(mode="serialization")
    return {"$schema": _DIALECT, "$id": "plan.schema.json"} | schema
