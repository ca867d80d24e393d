"""All that a request may need, made once for each replica."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, cast
from uuid import UUID

from fastapi import Depends
from starlette.requests import HTTPConnection

from actors.hosting.ports import Clusters
from actors.risk.copy import RiskCopy
from actors.services import Services
from adapters.mail.mail import Mailer
from adapters.redis import keys
from adapters.redis.ports import Message
from domain.errors import TransientError
from serve.auth import changes
from serve.auth.agents import AgentKeys
from serve.auth.changes import AuthChange
from serve.auth.passwords import Passwords
from serve.auth.people import People
from serve.auth.sessions import Sessions
from serve.gateway.admission import Admission
from serve.gateway.agents.beats import Beats
from serve.gateway.agents.configs import AgentConfigs
from serve.gateway.agents.intake import Intake
from serve.gateway.agents.pending import PendingPolls
from serve.gateway.background import follow, forever
from serve.gateway.limits import CallLimits
from serve.gateway.logs import LogForwarder, RecentLogs
from serve.gateway.workers import Workers
from serve.sockets.registry import AgentSockets, Command, PortalSockets, command_in

SHUTDOWN_S = 2.0

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """What the endpoints work with."""

    services: Services
    clusters: Clusters
    mailer: Mailer
    workers: Workers
    passwords: Passwords
    sessions: Sessions
    people: People
    agent_keys: AgentKeys
    admission: Admission
    configs: AgentConfigs
    beats: Beats
    pending: PendingPolls
    intake: Intake
    risk: RiskCopy
    sockets: AgentSockets
    pages: PortalSockets
    forwarder: LogForwarder
    recent_logs: RecentLogs = field(default_factory=RecentLogs)
    calls: Counter[int] = field(default_factory=Counter)

    async def forget(self, change: AuthChange) -> None:
        """Have this replica, and then all others, forget what they remember of somebody.

        When the others cannot be told just now, their memory ends within seconds all the same.
        """
        self._apply(change)
        try:
            await changes.tell(self.services.hub.bus, change)
        except TransientError as err:
            _logger.warning("other replicas were not told of %s %s: %s", change.subject, change.id, err)

    def auth_changed(self, message: Message) -> None:
        """Forget what is remembered of somebody, and cut off agents whose key is void."""
        self._apply(changes.parse(message.body))

    def _apply(self, change: AuthChange) -> None:
        self.agent_keys.changed(change)
        self.people.changed(change)
        self.sockets.auth_changed(change)
        self.pages.auth_changed(change)

    async def auth_gap(self) -> None:
        """News may have been lost: look up everybody anew."""
        self.agent_keys.clear()
        self.people.clear()

    def commanded(self, message: Message) -> None:
        """Something waits for an agent, or its configuration has changed."""
        cluster_id = UUID(message.channel.rpartition(":")[2])
        command = command_in(message.body)
        if command is Command.CONFIG:
            self.configs.changed(cluster_id)
        else:
            self.pending.wake(cluster_id)
        self.sockets.commanded(cluster_id, command)

    async def commands_gap(self) -> None:
        """Commands may have been lost: have all agents ask."""
        self.pending.clear()
        self.configs.clear()
        self.sockets.wake_all()

    def config_changed(self, message: Message) -> None:
        """A setting of the platform was changed: agents hear of it."""
        del message
        self.configs.platform_changed()
        self.sockets.reconfigure_all()

    async def config_gap(self) -> None:
        """Changes may have been lost."""
        self.configs.platform_changed()
        self.sockets.reconfigure_all()


Opening = Callable[[], AbstractAsyncContextManager[Gateway]]


def assemble(
    services: Services,
    clusters: Clusters,
    mailer: Mailer,
    *,
    workers: Workers,
    passwords: Passwords,
    forwarder: LogForwarder,
) -> Gateway:
    """Put the parts together."""
    database, clock, hub = services.database, services.clock, services.hub
    configs = AgentConfigs(database, clock)
    return Gateway(
        services=services,
        clusters=clusters,
        mailer=mailer,
        workers=workers,
        passwords=passwords,
        sessions=Sessions(services.keys.session, services.settings, clock),
        people=People(database, clock),
        agent_keys=AgentKeys(database, clock),
        admission=Admission(CallLimits(hub.rates, clock), services.settings),
        configs=configs,
        beats=Beats(services, clusters),
        pending=PendingPolls(database, clock),
        intake=Intake(services, clusters),
        risk=RiskCopy(hub, clock),
        sockets=AgentSockets(),
        pages=PortalSockets(),
        forwarder=forwarder,
    )


@asynccontextmanager
async def running(gateway: Gateway) -> AsyncIterator[Gateway]:
    """The gateway with its background work; at the end what waits is stored."""
    tasks = [asyncio.create_task(work, name=name) for name, work in _background(gateway).items()]
    try:
        yield gateway
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=SHUTDOWN_S)
        await gateway.beats.flush()
        await gateway.forwarder.publish(gateway.services.hub.bus)
        gateway.passwords.close()


def _background(gateway: Gateway) -> dict[str, Coroutine[None, None, None]]:
    """All work beside the requests, by name."""
    bus, clock = gateway.services.hub.bus, gateway.services.clock
    followed: dict[str, tuple[Callable[[Message], None], Callable[[], Awaitable[None]]]] = {
        changes.AUTH_CHANGES: (gateway.auth_changed, gateway.auth_gap),
        keys.SYSTEM_LOGS: (gateway.recent_logs.put, _nothing),
        keys.PLATFORM_CONFIG: (gateway.config_changed, gateway.config_gap),
    }
    works: dict[str, Callable[[], Awaitable[None]]] = {
        name: partial(follow, bus, on_message, resync=resync, channels=(name,))
        for name, (on_message, resync) in followed.items()
    }
    commands = keys.agent_command("*")
    works[commands] = partial(follow, bus, gateway.commanded, resync=gateway.commands_gap, patterns=(commands,))
    works["flags"] = gateway.risk.run
    works["heartbeats"] = gateway.beats.run
    works["log lines"] = partial(gateway.forwarder.run, bus, clock)
    return {name: forever(name, step, clock) for name, step in works.items()}


async def _nothing() -> None:
    """Lost log lines stay lost."""


def gateway_of(connection: HTTPConnection) -> Gateway:
    """The gateway of the application that a request or WebSocket came to."""
    return cast(Gateway, connection.app.state.gateway)


async def _gateway(connection: HTTPConnection) -> Gateway:
    # A dependency that is no coroutine would be run on a thread: half the cost of a heartbeat.
    return gateway_of(connection)


GatewayDep = Annotated[Gateway, Depends(_gateway)]
