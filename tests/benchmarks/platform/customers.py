"""Customers of the platform under load: an organisation, a cluster and a key each, written as the gateway would."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from actors.services import Services
from adapters.postgres.ids import new_id
from domain.fleet import Cluster, ClusterStatus
from domain.tenancy import Organization, OrganizationRole, User, UserRole
from serve.auth.agents import make_key
from tests.benchmarks.platform.objects import REGION, ZONES


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """A cluster, whose it is, and the key of its agent."""

    number: int
    cluster_id: str
    organization_id: str
    token: str

    def as_json(self) -> dict[str, Any]:
        """For another process."""
        return asdict(self)


async def sign_up(services: Services, count: int) -> list[Customer]:
    """Customers with a cluster each, whose agents have never been heard of."""
    return [await _customer(services, number) for number in range(count)]


async def _customer(services: Services, number: int) -> Customer:
    now = services.clock.now()
    organization = Organization(id=new_id(), name=f"customer {number}", created_at=now, updated_at=now)
    cluster = Cluster(
        id=new_id(), organization_id=organization.id, name=f"cluster-{number}", region=REGION,
        status=ClusterStatus.ACTIVE, created_at=now, updated_at=now,
        zone_ids=ZONES,
    )  # fmt: skip
    key = make_key(
        services.keys, organization_id=organization.id, cluster_id=cluster.id, label="load", now=now, expires_at=None
    )
    async with services.database.platform() as tx:
        await tx.organizations.sign_up(organization, _owner(organization.id, now))
    async with services.database.tenant(organization.id) as tx:
        await tx.clusters.create(cluster)
        await tx.api_keys.create(key.key, key.signing)
    return Customer(
        number=number, cluster_id=str(cluster.id), organization_id=str(organization.id), token=key.token
    )  # fmt: skip


def _owner(organization_id: UUID, now: datetime) -> User:
    id_ = new_id()
    return User(
        id=id_, email=f"{id_.hex}@example.com", password_hash="none", role=UserRole.CLIENT, created_at=now,
        updated_at=now, password_changed_at=now, organization_id=organization_id,
        organization_role=OrganizationRole.OWNER,
    )  # fmt: skip
