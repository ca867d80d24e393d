"""Bodies and answers about clusters, their keys, plans and jobs."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints

from actors.cluster.records import Mode
from domain.commands import PlanStatus
from domain.fleet import ClusterStatus
from domain.work import JobStatus, JobTrigger
from serve.schemas.base import Answer, Body, Label, PageAnswer

Region = Annotated[
    str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]{1,2}$", max_length=32), Field(examples=["us-east-1"])
]
ClusterName = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$"), Field(examples=["web-shop"])
]
"""As EKS allows them."""


class ConnectCluster(Body):
    """A cluster to be connected: by its agent alone, or under an AWS account connected before."""

    name: ClusterName
    region: Region
    account_id: UUID | None = None
    mode: Mode = Field(Mode.RECOMMEND, description="what becomes of its plans, until its policy is changed")


class InstallAgent(Body):
    """An agent is to be installed."""

    cluster_id: UUID
    label: Label = "helm"


class ClusterModel(Answer):
    """A cluster. The last three are what its agent told last."""

    id: UUID
    name: str
    region: str
    status: ClusterStatus
    account_id: UUID | None
    vpc_id: str
    endpoint: str
    kubernetes_version: str
    created_at: datetime
    updated_at: datetime
    last_heartbeat_at: datetime | None
    agent_version: str
    node_count: int

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "7e1f3f0c-6c0e-4f3a-9a53-0f6f1f1a2b3c",
                "name": "web-shop",
                "region": "us-east-1",
                "status": "active",
                "account_id": None,
                "vpc_id": "",
                "endpoint": "",
                "kubernetes_version": "1.33",
                "created_at": "2026-10-01T12:00:00Z",
                "updated_at": "2026-10-01T12:00:00Z",
                "last_heartbeat_at": "2026-10-01T12:34:56Z",
                "agent_version": "0.1.0",
                "node_count": 50,
            }
        }
    )


class FleetModel(Answer):
    """What a cluster runs and costs by its last snapshot. Money is micro-USD per hour."""

    observed_at: datetime
    nodes: int
    spot_nodes: int
    ready_nodes: int
    unpriced_nodes: int = Field(description="nodes whose price nobody knows: they count nothing in money")
    pods: int
    pending_pods: int
    spot_share: float = Field(description="of the nodes, 0 to 1")
    cost_micro_usd_per_h: int
    baseline_micro_usd_per_h: int = Field(description="see `baseline` of `/api/metrics/kpi`")
    saving_micro_usd_per_h: int


class LastPlanModel(Answer):
    """The youngest plan of a cluster."""

    id: UUID
    generation: int
    status: PlanStatus
    created_at: datetime
    saving_micro_usd_per_h: int = Field(description="what it takes off the bill")


class ClusterRowModel(ClusterModel):
    """A cluster as a row of a table."""

    mode: str = Field(description="what becomes of plans: recommend, approve or automatic")
    fleet: FleetModel | None = Field(description="absent before the first snapshot")
    plan: LastPlanModel | None = Field(description="absent before the first plan")


class ClusterPageAnswer(PageAnswer[ClusterRowModel]):
    """A page of clusters, and how many there are on all pages."""

    total: int


class UsedModel(Answer):
    """Measured use of all nodes together."""

    cpu_mcpu: int = Field(description="thousandths of a CPU")
    memory_bytes: int


class LiveModel(Answer):
    """A cluster as its host sees it now."""

    snapshot_at: datetime | None
    nodes: int
    pods: int
    going: list[str] = Field(description="nodes that are being emptied")
    mode: str
    safe_mode: bool
    planning: bool
    accepted_generation: int | None
    proposed_generation: int | None
    executing_generation: int | None
    used: UsedModel | None = Field(description="absent where no metrics-server runs")
    story: list[Mapping[str, str]] = Field(description="what happened last, oldest first")


class ClusterDetail(Answer):
    """A cluster, and how it stands now; ``live`` is absent when its host cannot be asked."""

    cluster: ClusterModel
    live: LiveModel | None


class InstallAnswer(Answer):
    """How to install the agent. The key is shown this once."""

    cluster_id: UUID
    key_id: UUID
    api_key: str
    command: str

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "cluster_id": "7e1f3f0c-6c0e-4f3a-9a53-0f6f1f1a2b3c",
                "key_id": "2f4b9a5e-1c7d-4e8f-8a9b-3c2d1e0f4a5b",
                "api_key": "so_…",
                "command": "helm upgrade --install spot-optimizer-agent …",
            }
        }
    )


class CheckState(StrEnum):
    """How a check went."""

    OK = "ok"
    WAITING = "waiting"
    FAILED = "failed"


class CheckModel(Answer):
    """One thing that must be so for a cluster to be managed."""

    name: str
    state: CheckState
    detail: str


class VerifyAnswer(Answer):
    """Whether a cluster is connected as it should be."""

    ok: bool
    checks: list[CheckModel]


class NewApiKey(Body):
    """A key is wanted."""

    label: Label
    expires_at: datetime | None = None


class RevokeApiKey(Body):
    """Why a key is revoked."""

    reason: Annotated[Label, Field(examples=["left on a laptop"])] = "revoked by hand"


class ApiKeyModel(Answer):
    """A key of a cluster's agent; only its first characters are known."""

    id: UUID
    prefix: str
    label: str
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None
    revoked_at: datetime | None
    revoked_reason: str


class NewApiKeyAnswer(Answer):
    """A key, shown this once."""

    api_key: str
    key: ApiKeyModel


class JobModel(Answer):
    """A run of the optimizer over a cluster."""

    id: UUID
    cluster_id: UUID
    trigger: JobTrigger
    status: JobStatus
    reason: str
    plan_generation: int | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    result: Mapping[str, Any]
    error: str


class PlanModel(Answer):
    """A plan without its body. Money is micro-USD per hour."""

    id: UUID
    cluster_id: UUID
    generation: int
    parent: int | None
    status: PlanStatus
    status_reason: str
    cost_micro_usd_per_h: int
    planned_cost_micro_usd_per_h: int
    lower_bound_micro_usd_per_h: int
    observed_at: datetime
    created_at: datetime
    accepted_at: datetime | None
    job_id: UUID | None
