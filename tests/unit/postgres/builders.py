"""Records for tests of the database: say what matters, get plain defaults for the rest."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from adapters.postgres.ids import new_id
from adapters.postgres.ports import Database
from domain.audit import AuditEntry
from domain.commands import AgentActionKind, EvidenceKind, Outcome, PlanStatus
from domain.events import EventPriority
from domain.fleet import ApiKey, Cluster, ClusterStatus, SealedKey
from domain.market import Pool
from domain.tenancy import Organization, OrganizationRole, User, UserRole
from domain.work import (
    ActionResult,
    ActionStatus,
    AgentAction,
    InboxEvent,
    Job,
    JobStatus,
    JobTrigger,
    PoolEvidence,
    StoredPlan,
)

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
POOL = Pool(region="us-east-1", zone_id="use1-az1", instance_type="m5.large")


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def digest(text: str) -> bytes:
    return sha256(text.encode()).digest()


def make_organization(**fields: Any) -> Organization:
    return Organization(**({"id": new_id(), "name": "Shop", "created_at": NOW, "updated_at": NOW} | fields))


def make_user(organization: Organization | None, **fields: Any) -> User:
    user_id = new_id()
    defaults: dict[str, Any] = {
        "id": user_id,
        "email": f"{user_id}@example.com",
        "password_hash": "$argon2id$secret",
        "role": UserRole.CLIENT if organization else UserRole.SUPER_ADMIN,
        "organization_id": organization and organization.id,
        "organization_role": OrganizationRole.OWNER if organization else None,
        "created_at": NOW,
        "updated_at": NOW,
        "password_changed_at": NOW,
    }
    return User(**(defaults | fields))


def make_cluster(organization_id: UUID, **fields: Any) -> Cluster:
    cluster_id = new_id()
    defaults: dict[str, Any] = {
        "id": cluster_id,
        "organization_id": organization_id,
        "name": f"cluster-{cluster_id}",
        "region": "us-east-1",
        "status": ClusterStatus.ACTIVE,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Cluster(**(defaults | fields))


def make_key(cluster: Cluster, secret: str = "", **fields: Any) -> ApiKey:
    key_id = new_id()
    defaults: dict[str, Any] = {
        "id": key_id,
        "organization_id": cluster.organization_id,
        "cluster_id": cluster.id,
        "key_hash": digest(secret or str(key_id)),
        "prefix": "sk_12345",
        "label": "agent",
        "created_at": NOW,
    }
    return ApiKey(**(defaults | fields))


def make_sealed(key: ApiKey) -> SealedKey:
    return SealedKey(
        api_key_id=key.id,
        organization_id=key.organization_id,
        cluster_id=key.cluster_id,
        key_id=f"key of {key.id}",
        sealed=b"sealed",
        created_at=key.created_at,
    )


def make_job(cluster: Cluster, **fields: Any) -> Job:
    defaults: dict[str, Any] = {
        "id": new_id(),
        "organization_id": cluster.organization_id,
        "cluster_id": cluster.id,
        "trigger": JobTrigger.USER,
        "status": JobStatus.QUEUED,
        "created_at": NOW,
    }
    return Job(**(defaults | fields))


def make_plan(cluster: Cluster, generation: int, parent: int | None = None, **fields: Any) -> StoredPlan:
    defaults: dict[str, Any] = {
        "id": new_id(),
        "organization_id": cluster.organization_id,
        "cluster_id": cluster.id,
        "generation": generation,
        "parent": parent,
        "status": PlanStatus.RECOMMENDED,
        "body": {"actions": [generation]},
        "cost_micro_usd_per_h": 2_000_000,
        "planned_cost_micro_usd_per_h": 1_000_000,
        "lower_bound_micro_usd_per_h": 900_000,
        "observed_at": NOW,
        "created_at": after(generation),
    }
    return StoredPlan(**(defaults | fields))


def make_action(cluster: Cluster, **fields: Any) -> AgentAction:
    defaults: dict[str, Any] = {
        "id": new_id(),
        "organization_id": cluster.organization_id,
        "cluster_id": cluster.id,
        "kind": AgentActionKind.CORDON,
        "payload": {"node": "node-1"},
        "status": ActionStatus.PENDING,
        "created_at": NOW,
        "expires_at": after(300),
        "nonce": "nonce",
        "key_id": "key",
        "signature": "00",
    }
    return AgentAction(**(defaults | fields))


def make_result(action: AgentAction, **fields: Any) -> ActionResult:
    defaults: dict[str, Any] = {
        "action_id": action.id,
        "cluster_id": action.cluster_id,
        "status": ActionStatus.COMPLETED,
        "at": after(60),
        "result": {"seconds": 3},
    }
    return ActionResult(**(defaults | fields))


def make_event(cluster: Cluster, event_id: str = "", **fields: Any) -> InboxEvent:
    defaults: dict[str, Any] = {
        "organization_id": cluster.organization_id,
        "cluster_id": cluster.id,
        "event_id": event_id or str(new_id()),
        "event_type": "pod_pending",
        "priority": EventPriority.REST,
        "body": {"pod_name": "web"},
        "occurred_at": NOW,
        "accepted_at": NOW,
    }
    return InboxEvent(**(defaults | fields))


def make_evidence(cluster: Cluster, **fields: Any) -> PoolEvidence:
    defaults: dict[str, Any] = {
        "id": new_id(),
        "organization_id": cluster.organization_id,
        "cluster_id": cluster.id,
        "pool": POOL,
        "kind": EvidenceKind.INTERRUPTION,
        "instance_id": "i-1",
        "known": True,
        "at": NOW,
    }
    return PoolEvidence(**(defaults | fields))


def make_entry(organization_id: UUID | None, **fields: Any) -> AuditEntry:
    defaults: dict[str, Any] = {
        "id": new_id(),
        "organization_id": organization_id,
        "at": NOW,
        "actor": "System",
        "event": "node.cordon",
        "resource_type": "node",
        "resource": "node-1",
        "outcome": Outcome.SUCCESS,
    }
    return AuditEntry(**(defaults | fields))


async def add_organization(database: Database, **fields: Any) -> Organization:
    organization = make_organization(**fields)
    async with database.platform() as tx:
        await tx.organizations.sign_up(organization, make_user(organization))
    return organization


async def add_cluster(database: Database, organization: Organization | None = None, **fields: Any) -> Cluster:
    organization = organization or await add_organization(database)
    cluster = make_cluster(organization.id, **fields)
    async with database.tenant(organization.id) as tx:
        await tx.clusters.create(cluster)
    return cluster
