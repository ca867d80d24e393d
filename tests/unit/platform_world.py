"""A host over twins, with a planner and a registry that the test speaks for."""

import base64
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from actors.execution.agents import ConfigPermit
from actors.execution.aws import AccountEc2, Source
from actors.execution.ports import Where
from actors.hosting.host import Host
from actors.planning.order import PlanAnswer, PlanOrder
from actors.services import Services
from adapters.aws.memory import MemoryAws
from adapters.aws.memory.executor import MemoryCloud, MemoryExecutor
from adapters.aws.ports.executor import ClusterRef, Ec2Executor, TemplateRef
from adapters.clock import VirtualClock
from adapters.postgres.memory import MemoryDatabase
from adapters.redis.hub import memory_hub
from adapters.settings import load_keys, load_settings
from domain.commands import ReportEvidence
from domain.fleet import Account, AccountStatus, ApiKey, Cluster, ClusterStatus, SealedKey
from domain.market import Pool
from domain.signing import SigningKey, derive_signing_key
from domain.tenancy import Organization, OrganizationRole, User, UserRole

CLUSTER, ORGANIZATION, KEY, ACCOUNT = UUID(int=1), UUID(int=2), UUID(int=3), UUID(int=4)
TOKEN = "so_token-of-the-test"
SIGNING: SigningKey = derive_signing_key(TOKEN, str(CLUSTER))


@dataclass
class HandPlanner:
    """Answers orders as the test has prepared."""

    answers: dict[str, PlanAnswer] = field(default_factory=dict)
    orders: list[PlanOrder] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    make: object = None

    async def plan(self, order: PlanOrder) -> PlanAnswer:
        self.orders.append(order)
        if self.make is not None:
            return self.make(order)
        return PlanAnswer(request=order.request, cluster=order.cluster, failure="nothing prepared")

    async def cancel(self, request: str) -> None:
        self.cancelled.append(request)


@dataclass
class HandRegistry:
    """Remembers evidence, flags what the test says."""

    seen: list[ReportEvidence] = field(default_factory=list)
    warned: list[ReportEvidence] = field(default_factory=list)
    pools: tuple[Pool, ...] = ()

    async def report(self, cluster_id: UUID, organization_id: UUID, evidence: ReportEvidence) -> None:
        self.seen.append(evidence)

    async def warn(self, cluster_id: UUID, organization_id: UUID, evidence: ReportEvidence) -> None:
        self.warned.append(evidence)

    def flagged(self, region: str, organization_id: UUID) -> tuple[Pool, ...]:
        return self.pools


@dataclass
class HandSites:
    """One account in memory, with subnets in three zones."""

    clock: VirtualClock
    cloud: MemoryCloud = field(default_factory=MemoryCloud)

    async def executor(self, where: Where) -> Ec2Executor:
        return MemoryExecutor(self.cloud, self.clock)

    async def cluster(self, where: Where) -> ClusterRef:
        return ClusterRef(id=str(where.cluster_id), name="web")

    async def source(self, where: Where, template: str) -> Source:
        subnets = {f"use1-az{n}": f"subnet-{n}" for n in (1, 2, 4, 6)}
        return Source(template=TemplateRef(id="lt-1", version="1"), subnets=subnets)


@dataclass
class World:
    """Everything around a host."""

    services: Services
    clock: VirtualClock
    planner: HandPlanner
    registry: HandRegistry
    sites: HandSites
    host: Host

    @property
    def ec2(self) -> AccountEc2:
        """AWS as sagas ask it."""
        return AccountEc2(self.sites, ConfigPermit(self.services))

    def another_host(self) -> Host:
        """A host that knows nothing but what is stored."""
        return Host(self.services, planner=self.planner, registry=self.registry, ec2=self.ec2)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    clock = VirtualClock(datetime(2026, 5, 1, 12, tzinfo=UTC))
    key = base64.b64encode(bytes(32)).decode()
    settings = load_settings({"data_dir": tmp_path, "session_keys": key, "encryption_keys": key})
    services = Services(
        settings=settings,
        keys=load_keys(settings),
        clock=clock,
        database=MemoryDatabase(),
        hub=memory_hub(clock),
        aws=MemoryAws(clock),
    )
    await sign_up(services)
    planner, registry, sites = HandPlanner(), HandRegistry(), HandSites(clock)
    host = Host(services, planner=planner, registry=registry, ec2=AccountEc2(sites, ConfigPermit(services)))
    yield World(services=services, clock=clock, planner=planner, registry=registry, sites=sites, host=host)
    await host.close()


async def sign_up(services: Services) -> None:
    """An organisation with an owner, a linked account and a cluster in it."""
    now = services.clock.now()
    organization = Organization(id=ORGANIZATION, name="shop", created_at=now, updated_at=now)
    owner = User(
        id=UUID(int=9),
        email="owner@example.com",
        password_hash="hash",
        role=UserRole.CLIENT,
        created_at=now,
        updated_at=now,
        password_changed_at=now,
        organization_id=ORGANIZATION,
        organization_role=OrganizationRole.OWNER,
    )
    cluster = Cluster(
        id=CLUSTER,
        organization_id=ORGANIZATION,
        name="web",
        region="us-east-1",
        status=ClusterStatus.ACTIVE,
        created_at=now,
        updated_at=now,
        account_id=ACCOUNT,
    )
    account = Account(
        id=ACCOUNT,
        organization_id=ORGANIZATION,
        aws_account_id="111111111111",
        role_arn="arn:aws:iam::111111111111:role/spot-optimizer",
        external_id="spot-optimizer-test",
        status=AccountStatus.ACTIVE,
        created_at=now,
        updated_at=now,
    )
    async with services.database.platform() as tx:
        await tx.organizations.sign_up(organization, owner)
        await tx.accounts.create(account)
        await tx.clusters.create(cluster)
        await tx.api_keys.create(
            ApiKey(
                id=KEY,
                organization_id=ORGANIZATION,
                cluster_id=CLUSTER,
                key_hash=hashlib.sha256(TOKEN.encode()).digest(),
                prefix=TOKEN[:8],
                label="test",
                created_at=now,
            ),
            SealedKey(
                api_key_id=KEY,
                organization_id=ORGANIZATION,
                cluster_id=CLUSTER,
                key_id=SIGNING.id,
                sealed=services.keys.encrypt(SIGNING.secret),
                created_at=now,
            ),
        )
