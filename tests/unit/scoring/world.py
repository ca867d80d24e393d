"""A platform of three pools with models in its registry."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from actors.scoring.service import ScoringService
from actors.scoring.store import AdvisedPool
from actors.services import Services
from adapters.aws.memory import MemoryAws
from adapters.clock import VirtualClock
from adapters.postgres.ids import new_id
from adapters.postgres.memory import MemoryDatabase
from adapters.redis.hub import memory_hub
from adapters.settings import Settings
from domain.commands import EvidenceKind
from domain.fleet import Cluster, ClusterStatus
from domain.lab import RISK_MODEL, MlModel, ModelStatus
from domain.market import Pool
from domain.tenancy import Organization, OrganizationRole, User, UserRole
from domain.work import PoolEvidence
from tests.unit.gateway.house import KEYS
from tests.unit.interruption.make import forest_text, model_text, tree

START = datetime(2026, 5, 1, 12, tzinfo=UTC)
P3 = Pool(region="us-east-1", zone_id="use1-az1", instance_type="p3.2xlarge")
P3_NEXT_DOOR = Pool(region="us-east-1", zone_id="use1-az2", instance_type="p3.2xlarge")
M5 = Pool(region="us-east-1", zone_id="use1-az1", instance_type="m5.large")
ADVISED = (
    AdvisedPool(pool=M5, accelerators=0, bucket=0),
    AdvisedPool(pool=P3, accelerators=1, bucket=4),
    AdvisedPool(pool=P3_NEXT_DOOR, accelerators=1, bucket=None),
)
CLUSTER, ORGANIZATION = UUID(int=1), UUID(int=2)


def text_of(margin: float) -> bytes:
    """A model whose trees say the same of all pools: log odds of so much."""
    return model_text(forest_text(tree(leaves=(margin, margin)))).encode()


@dataclass
class ScoringWorld:
    services: Services
    clock: VirtualClock
    scoring: ScoringService

    async def add_model(
        self, version: str, body: bytes, *, status: ModelStatus = ModelStatus.TESTING, **fields: Any
    ) -> MlModel:
        model = MlModel(
            id=new_id(), name=RISK_MODEL, version=version, file="x", sha256=hashlib.sha256(body).digest(),
            status=status, created_at=self.clock.now(), **fields,
        )  # fmt: skip
        async with self.services.database.platform() as tx:
            await tx.models.add(model, body)
        return model

    async def saw(self, pool: Pool, *, kind: EvidenceKind = EvidenceKind.INTERRUPTION, known: bool = True) -> None:
        evidence = PoolEvidence(
            id=new_id(), organization_id=ORGANIZATION, cluster_id=CLUSTER, pool=pool, kind=kind,
            instance_id=str(new_id()), known=known, at=self.clock.now(),
        )  # fmt: skip
        async with self.services.database.platform() as tx:
            await tx.pools.add_evidence([evidence])

    async def later(self, **span: float) -> None:
        """Time passes, and the scorer listens every ten minutes."""
        end = self.clock.now() + timedelta(**span)
        while self.clock.now() < end:
            await self.clock.advance(min(600.0, (end - self.clock.now()).total_seconds()))
            await self.scoring.listen()


@asynccontextmanager
async def scoring_world() -> AsyncIterator[ScoringWorld]:
    clock = VirtualClock(START)
    services = Services(
        settings=Settings(data_dir="/nonexistent"), keys=KEYS, clock=clock, database=MemoryDatabase(),
        hub=memory_hub(clock), aws=MemoryAws(clock),
    )  # fmt: skip
    await _sign_up(services)
    world = ScoringWorld(services=services, clock=clock, scoring=ScoringService(services, ADVISED))
    yield world


async def _sign_up(services: Services) -> None:
    now = services.clock.now()
    organization = Organization(id=ORGANIZATION, name="shop", created_at=now, updated_at=now)
    owner = User(
        id=UUID(int=9), email="owner@example.com", password_hash="hash", role=UserRole.CLIENT, created_at=now,
        updated_at=now, password_changed_at=now, organization_id=ORGANIZATION,
        organization_role=OrganizationRole.OWNER,
    )  # fmt: skip
    cluster = Cluster(
        id=CLUSTER, organization_id=ORGANIZATION, name="web", region="us-east-1", status=ClusterStatus.ACTIVE,
        created_at=now, updated_at=now,
    )  # fmt: skip
    async with services.database.platform() as tx:
        await tx.organizations.sign_up(organization, owner)
        await tx.clusters.create(cluster)
