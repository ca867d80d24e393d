"""The agent put together: what every process runs, and what only the one that leads does."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field

import structlog

from agent.clock import Clock
from agent.configuration import Configuration
from agent.election import Election
from agent.health import HealthApp, Pulse, serving
from agent.kubernetes.api import NO_PARAMS, JsonObject, KubernetesApi, path_of
from agent.kubernetes.client import HttpKubernetes
from agent.kubernetes.errors import KubernetesError
from agent.ports import Actuator, EventSink, Guard
from agent.service.actions import Poller
from agent.service.client import ServiceClient
from agent.service.couriers import Courier, EventLoad, Load, MetricsLoad, ResultLoad
from agent.service.errors import ServiceAwayError, UnwelcomeError
from agent.service.heartbeat import Heartbeats
from agent.service.outbox import Outbox
from agent.service.reporter import Reporter
from agent.service.session import Session
from agent.service.stream import Connect, Stream
from agent.service.websocket import connector
from agent.settings import Settings
from agent.store import ConfigMapStore, Store
from agent.supervision import Part, Supervisor
from agent.telemetry import Telemetry
from agent.version import version
from agent.watching.cluster import Cluster
from agent.watching.kinds import KINDS, NODE_POOL
from agent.watching.usage import Usage
from domain.wire.messages import RegisterRequest

LAST_WORDS_S = 3.0
"""How long a process that is stopped still tries to send events and results; Kubernetes gives it 30 s in all."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What those who act in the cluster are given."""

    settings: Settings
    kubernetes: KubernetesApi
    clock: Clock
    store: Store
    events: EventSink
    telemetry: Telemetry


@dataclass(frozen=True, slots=True, kw_only=True)
class Hands:
    """Those who act in the cluster, while this process leads."""

    actuator: Actuator
    guards: Sequence[Guard] = ()
    parts: Mapping[str, Part] = field(default_factory=dict)
    """What of theirs must run besides, by name."""


MakeHands = Callable[[Tools], Hands]


class Agent:
    """One process.

    Survives a restart: who leads (a Lease), the configuration and whatever `Hands` keep in the store. What waits in the
    outbox does not; the cluster is read anew and sent whole.

    Parameters
    ----------
    make_hands
        Makes those who act, whenever this process begins to lead.
    outbox
        What waits for the service.
    service, connect
        In place of the network; tests hand them in.
    """

    def __init__(
        self,
        settings: Settings,
        kubernetes: KubernetesApi,
        clock: Clock,
        *,
        make_hands: MakeHands,
        outbox: Outbox,
        telemetry: Telemetry,
        service: ServiceClient,
        connect: Connect,
    ) -> None:
        store = ConfigMapStore(api=kubernetes, namespace=settings.namespace)
        self._tools = Tools(
            settings=settings, kubernetes=kubernetes, clock=clock, store=store, events=outbox, telemetry=telemetry
        )
        self._make_hands = make_hands
        self._outbox = outbox
        self._telemetry = telemetry
        self._service = service
        self._connect = connect
        self._cluster: Cluster | None = None
        self._reporter: Reporter | None = None
        self._led = False
        self._supervisor = Supervisor(clock, telemetry)
        self.configuration = Configuration(settings, store)
        self.election = Election(kubernetes, clock, namespace=settings.namespace, identity=settings.instance)
        self.session = Session(
            settings,
            service,
            clock,
            configuration=self.configuration,
            describe=self._describe,
            telemetry=telemetry,
        )

    async def run(self) -> None:
        """Until cancelled; then the last events and results are sent, and another may lead."""
        loads: tuple[Load, ...] = (
            EventLoad(self._service, self._outbox, self._telemetry),
            ResultLoad(self._service, self._outbox, self._telemetry),
        )
        parts: dict[str, Part] = {f"send {load.kind}": self._courier(load).run for load in loads}
        parts |= {
            "election": lambda: self.election.run(self._lead),
            "heartbeat": self._heartbeats().run,
            "configuration": self.configuration.run,
        }
        try:
            await self._supervisor.run(parts)
        finally:
            await self._last_words(loads)

    def problems(self) -> list[str]:
        """Why this process is not ready, in sentences."""
        found = [] if self.election.in_contact() else ["the Kubernetes API does not answer"]
        cluster = self._cluster
        if cluster is None:
            return found
        if not self.session.registered_once:
            found.append(self.session.problem or "not registered with the service yet")
        if not cluster.is_listed():
            found += cluster.problems() or ["the cluster has not been read yet"]
        return found

    async def _lead(self) -> None:
        await self.configuration.restore()
        hands = self._make_hands(self._tools)
        self.configuration.follow(hands.actuator.configure)
        for guard in hands.guards:
            self.configuration.follow(guard.configure)
        self._cluster = Cluster(
            self._tools.kubernetes,
            self._tools.clock,
            events=self._outbox,
            guards=hands.guards,
            kinds=(*KINDS, NODE_POOL) if self._tools.settings.karpenter else KINDS,
        )
        self._led = True
        self._telemetry.leading.set(1)
        try:
            await self._supervisor.run(self._parts_of_leader(self._cluster, hands))
        finally:
            self._telemetry.leading.set(0)
            self._cluster = None
            self.configuration.forget_followers()

    def _parts_of_leader(self, cluster: Cluster, hands: Hands) -> dict[str, Part]:
        reporter = self._reporter = self._make_reporter(cluster)
        poller = self._make_poller(hands.actuator)
        load = MetricsLoad(
            self._service,
            self._outbox,
            self._telemetry,
            objects=lambda: cluster.mirror if cluster.is_trusted() else None,
            ask_anew=reporter.collect_now,
        )
        guards = {f"guard {number}": guard.run for number, guard in enumerate(hands.guards, start=1)}
        return {
            **cluster.parts(),
            **guards,
            **hands.parts,
            "registration": self.session.run,
            "collect": reporter.run,
            "send metrics": self._courier(load).run,
            "actions": poller.run,
            "stream": self._make_stream(cluster, poller, reporter).run,
        }

    def _make_reporter(self, cluster: Cluster) -> Reporter:
        return Reporter(
            cluster,
            Usage(self._tools.kubernetes, self._tools.clock),
            self._tools.clock,
            outbox=self._outbox,
            configuration=self.configuration,
            telemetry=self._telemetry,
        )

    def _make_poller(self, actuator: Actuator) -> Poller:
        return Poller(
            self._service,
            self.session,
            self._tools.clock,
            actuator=actuator,
            outbox=self._outbox,
            telemetry=self._telemetry,
        )

    def _make_stream(self, cluster: Cluster, poller: Poller, reporter: Reporter) -> Stream:
        def resend() -> None:
            cluster.mirror.forget_base()
            reporter.collect_now()

        return Stream(
            self._connect,
            self.session,
            self._tools.clock,
            instance=self._tools.settings.instance,
            configuration=self.configuration,
            telemetry=self._telemetry,
            on_command=poller.wake,
            on_resend=resend,
        )

    def _heartbeats(self) -> Heartbeats:
        return Heartbeats(
            self._service,
            self.session,
            self._tools.clock,
            instance=self._tools.settings.instance,
            configuration=self.configuration,
            outbox=self._outbox,
            telemetry=self._telemetry,
            speaks=self._speaks,
            reachable=self.election.in_contact,
            collected_at=lambda: self._reporter.collected_at if self._reporter else None,
        )

    def _courier(self, load: Load) -> Courier:
        return Courier(load, self.session, self._tools.clock, self._telemetry)

    def _speaks(self) -> bool:
        """A leader speaks for the cluster; so does one that lost its lease to nobody, as the API server is away."""
        return self.election.leading or (self._led and not self.election.another_leads)

    async def _describe(self) -> RegisterRequest:
        """Who registers. What the API server does not tell is left at its least: the service must hear all the same."""
        settings = self._tools.settings
        kubernetes = await self._ask("/version")
        nodes = await self._ask(path_of("nodes"), {"limit": "1"})
        found = str(kubernetes.get("gitVersion") or "unknown")
        remaining = (nodes.get("metadata") or {}).get("remainingItemCount") or 0
        return RegisterRequest(
            agent_version=version(),
            kubernetes_version=found,
            node_count=len(nodes.get("items") or ()) + remaining,
            instance=settings.instance,
            namespace=settings.namespace,
            platform="eks" if "-eks-" in found else "",
        )

    async def _ask(self, path: str, params: Mapping[str, str] = NO_PARAMS) -> JsonObject:
        try:
            return await self._tools.kubernetes.get(path, params=params)
        except KubernetesError as err:
            log.warning("the registration tells less", problem=str(err))
            return {}

    async def _last_words(self, loads: Sequence[Load]) -> None:
        if not self.session.registered_once:
            return
        with suppress(ServiceAwayError, UnwelcomeError, TimeoutError):
            async with asyncio.timeout(LAST_WORDS_S):
                for load in loads:
                    while load.waiting():
                        await load.send_next()


async def run_agent(
    settings: Settings, clock: Clock, *, make_hands: MakeHands, outbox: Outbox, telemetry: Telemetry
) -> None:
    """An agent on the real network, with health and metrics, until cancelled."""
    async with AsyncExitStack() as stack:
        kubernetes = await stack.enter_async_context(HttpKubernetes(settings.kubernetes, clock))
        service = await stack.enter_async_context(ServiceClient(settings))
        agent = Agent(
            settings,
            kubernetes,
            clock,
            make_hands=make_hands,
            outbox=outbox,
            telemetry=telemetry,
            service=service,
            connect=connector(settings),
        )
        pulse = Pulse(clock)
        stack.enter_context(
            serving(HealthApp(telemetry.registry, alive=pulse.problems, ready=agent.problems), settings.port)
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(pulse.run())
            group.create_task(agent.run())
