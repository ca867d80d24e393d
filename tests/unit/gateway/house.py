"""A gateway on twins, with somebody in it: what the tests of the gateway start from."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
from fastapi import FastAPI
from pydantic import SecretStr

from actors.cluster.inputs import Input
from actors.hosting.ports import ClusterView, Report, ReportAnswer
from actors.services import Services
from adapters.aws.memory import MemoryAws
from adapters.clock import VirtualClock
from adapters.mail.memory import MemoryMailer
from adapters.postgres.ids import new_id
from adapters.postgres.memory import MemoryDatabase
from adapters.postgres.ports import Database
from adapters.redis.hub import Hub, memory_hub
from adapters.redis.ports import EventRules
from adapters.settings import Key, Keys, Settings
from domain.events import SpotInterruption
from domain.tenancy import Organization, OrganizationRole, User, UserRole
from serve.auth.agents import make_key
from serve.auth.passwords import Passwords
from serve.gateway.app import create_app
from serve.gateway.context import Gateway

PASSWORD = "violet teacup harbour 7"
PROTOCOL = {"X-Spotopt-Protocol": "1"}
PASSWORDS = Passwords(memory_kib=64)
PASSWORD_HASH = PASSWORDS._hasher.hash(PASSWORD)
KEYS = Keys(
    session=(Key(id="new", secret=b"n" * 32), Key(id="old", secret=b"o" * 32)),
    encryption=(Key(id="enc", secret=b"e" * 32),),
)
ASLEEP = ClusterView(
    awake=False,
    snapshot_at=None,
    snapshot_hash="",
    nodes=0,
    pods=0,
    going=(),
    mode="recommend",
    safe_mode=False,
    accepted_generation=None,
    planning=False,
    executing_generation=None,
    proposed_generation=None,
)


class ClustersTwin:
    """Hosts that take all they are told; ``error`` is raised instead where it is set."""

    def __init__(self) -> None:
        self.told: list[tuple[UUID, Input]] = []
        self.warned: list[SpotInterruption] = []
        self.reports: list[Report] = []
        self.refreshed: list[UUID] = []
        self.need_full = False
        self.error: Exception | None = None

    async def report(self, report: Report) -> ReportAnswer:
        self._raise()
        self.reports.append(report)
        return ReportAnswer(need_full=self.need_full)

    async def tell(self, cluster_id: UUID, event: Input) -> None:
        self._raise()
        self.told.append((cluster_id, event))

    async def warn(self, cluster_id: UUID, event: SpotInterruption) -> None:
        self._raise()
        self.warned.append(event)

    async def view(self, cluster_id: UUID) -> ClusterView:
        self._raise()
        return ASLEEP

    async def refresh(self, cluster_id: UUID) -> None:
        self._raise()
        self.refreshed.append(cluster_id)

    async def forget(self, cluster_id: UUID) -> None:
        self._raise()

    def _raise(self) -> None:
        if self.error is not None:
            raise self.error


def make_settings(**given: Any) -> Settings:
    generous = {
        "data_dir": "/nonexistent",
        "max_body_bytes": 8 << 20,
        "user_rate_limit": "100000/minute",
        "agent_rate_limit": "100000/minute",
        "address_rate_limit": "100000/minute",
        "sign_in_rate_limit": "1000/minute",
        "public_url": "https://spot.example.com",
        "smtp_password": SecretStr(""),
    }
    return Settings(**(generous | given))


@dataclass(frozen=True, slots=True, kw_only=True)
class Somebody:
    """A person who has signed in, and their organisation's id."""

    user: User
    home: UUID | None
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentOf:
    """A cluster and its agent's key."""

    cluster_id: UUID
    organization_id: UUID
    key_id: UUID
    token: str
    headers: Mapping[str, str]


@dataclass(slots=True, kw_only=True)
class House:
    """All of it."""

    app: FastAPI
    services: Services
    clusters: ClustersTwin
    mailer: MemoryMailer
    http: httpx.AsyncClient
    clock: VirtualClock

    @property
    def gateway(self) -> Gateway:
        gateway: Gateway = self.app.state.gateway
        return gateway

    @property
    def database(self) -> Database:
        return self.services.database

    @property
    def hub(self) -> Hub:
        return self.services.hub

    async def somebody(
        self, role: OrganizationRole | None = OrganizationRole.OWNER, *, home: UUID | None = None
    ) -> Somebody:
        """Somebody signed in: with a role in a new organisation or a given one, or a super admin (``None``)."""
        user = await self._user(role, home)
        answer = await self.http.post("/api/auth/token", json={"email": user.email, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        return Somebody(user=user, home=user.organization_id, headers=headers)

    async def agent(self, owner: Somebody, name: str = "web-shop") -> AgentOf:
        """A cluster of somebody's organisation, and a key of its agent."""
        body = {"name": name, "region": "us-east-1"}
        made = await self.http.post("/api/clusters/connect", json=body, headers=owner.headers)
        assert made.status_code == 201, made.text
        assert owner.home is not None
        cluster_id = UUID(made.json()["id"])
        key = make_key(
            self.services.keys,
            organization_id=owner.home,
            cluster_id=cluster_id,
            label="test",
            now=self.clock.now(),
            expires_at=None,
        )
        async with self.database.tenant(owner.home) as tx:
            await tx.api_keys.create(key.key, key.signing)
        headers = {"Authorization": f"Bearer {key.token}", **PROTOCOL}
        return AgentOf(
            cluster_id=cluster_id, organization_id=owner.home, key_id=key.key.id, token=key.token, headers=headers
        )

    async def _user(self, role: OrganizationRole | None, home: UUID | None) -> User:
        now = self.clock.now()
        organization = Organization(id=home or new_id(), name="Example", created_at=now, updated_at=now)
        user = User(
            id=new_id(),
            email=f"{new_id().hex}@example.com",
            password_hash=PASSWORD_HASH,
            role=UserRole.CLIENT if role else UserRole.SUPER_ADMIN,
            created_at=now,
            updated_at=now,
            password_changed_at=now,
            organization_id=organization.id if role else None,
            organization_role=role,
        )
        async with self.database.platform() as tx:
            if role is not None and home is None:
                await tx.organizations.sign_up(organization, user)
            else:
                await tx.users.create(user)
        return user


@asynccontextmanager
async def house(*, rules: EventRules | None = None, **settings: Any) -> AsyncIterator[House]:
    """A gateway that runs."""
    clock = VirtualClock()
    services = Services(
        settings=make_settings(**settings),
        keys=KEYS,
        clock=clock,
        database=MemoryDatabase(),
        hub=memory_hub(clock, rules),
        aws=MemoryAws(clock),
    )
    clusters, mailer = ClustersTwin(), MemoryMailer(clock)
    app = create_app(services, clusters, mailer, passwords=Passwords(memory_kib=64))
    async with app.router.lifespan_context(app):
        await clock.advance(0)  # the background work begins to listen
        transport = httpx.ASGITransport(app, client=("203.0.113.9", 4711))
        async with httpx.AsyncClient(transport=transport, base_url="https://spot.example.com") as http:
            yield House(app=app, services=services, clusters=clusters, mailer=mailer, http=http, clock=clock)
