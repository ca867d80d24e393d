"""A host of clusters on Ray; see `actors.hosting.host` for what survives its death."""

import asyncio
from datetime import datetime
from typing import Any
from uuid import UUID

from ray.actor import ActorHandle
from ray.util.metrics import Gauge

from actors import runtime
from actors.cluster.inputs import Input
from actors.early import EarlyEvidence, EarlyNotice, hear_notices, tell_registry
from actors.execution.agents import ConfigPermit
from actors.execution.aws import AccountEc2
from actors.execution.sites import AccountSites
from actors.hosting.client import answered
from actors.hosting.host import Host
from actors.hosting.ports import ClusterView, Report, ReportAnswer
from actors.hosting.rendezvous import host_of
from actors.planning.order import PlanAnswer, PlanOrder
from actors.risk.copy import RiskCopy
from actors.services import Services
from actors.shell import Shell
from adapters.redis import keys
from adapters.redis.ports.bus import Bus, Gap
from domain.commands import ReportEvidence
from domain.market import Pool

PLAN_TIMEOUT_S = 3_900.0
"""Longest wait for a plan: the longest time limit that may be set, and some waiting. The state machine asks again."""

GAUGE_EVERY_S = 10.0


class Actors:
    """Planner and registry as the host sees them: found by name when they are needed, found anew when they move."""

    def __init__(self, copy: RiskCopy, bus: Bus) -> None:
        self._copy = copy
        self._bus = bus
        self._handles: dict[str, ActorHandle[Any]] = {}

    async def plan(self, order: PlanOrder) -> PlanAnswer:
        """The answer to an order."""
        planner = await self._find(runtime.PLANNER)
        return await answered(planner.plan.remote(order), what=runtime.PLANNER, timeout_s=PLAN_TIMEOUT_S)

    async def cancel(self, request: str) -> None:
        """Stop planning."""
        planner = await self._find(runtime.PLANNER)
        await answered(planner.cancel.remote(request), what=runtime.PLANNER)

    async def report(self, cluster_id: UUID, organization_id: UUID, evidence: ReportEvidence) -> None:
        """Take note of evidence."""
        registry = await self._find(runtime.REGISTRY)
        await answered(registry.report.remote(cluster_id, organization_id, evidence), what=runtime.REGISTRY)

    async def warn(self, cluster_id: UUID, organization_id: UUID, evidence: ReportEvidence) -> None:
        """Have flags set ahead of the report of the same evidence."""
        early = EarlyEvidence(cluster_id=cluster_id, organization_id=organization_id, evidence=evidence)
        await tell_registry(self._bus, early)

    def flagged(self, region: str, organization_id: UUID) -> tuple[Pool, ...]:
        """Pools of a region that this organisation avoids now, from memory."""
        return self._copy.flagged(region, organization_id)

    async def _find(self, name: str) -> ActorHandle[Any]:
        if name not in self._handles:
            self._handles[name] = await asyncio.to_thread(runtime.find, name)
        return self._handles[name]


class ClusterHost(Shell):
    """Clusters of one host as an actor."""

    def __init__(self, index: int) -> None:
        super().__init__()
        self._index = index
        self._host: Host
        self._risk: RiskCopy
        self._clusters = Gauge("spotopt_clusters", description="Clusters in memory", tag_keys=("host", "state"))

    async def _begin(self, services: Services) -> None:
        self._risk = RiskCopy(services.hub, services.clock)
        self._keep_running(self._risk.run, what="copy of the flags")
        await asyncio.wait_for(self._risk.ready.wait(), timeout=runtime.CALL_TIMEOUT_S)
        actors = Actors(self._risk, services.hub.bus)
        hosts = services.settings.cluster_hosts
        self._host = Host(
            services,
            planner=actors,
            registry=actors,
            ec2=AccountEc2(AccountSites(services), ConfigPermit(services)),
            mine=lambda cluster_id: host_of(str(cluster_id), hosts) == self._index,
        )
        self._host.start()
        self._keep_running(lambda: self._follow_config(services), what="changes of the configuration")
        self._keep_running(lambda: hear_notices(services.hub.bus, self._index, self._warn), what="early notices")
        self._keep_running(lambda: self._measure(services), what="gauges")

    async def report(self, report: Report) -> ReportAnswer:
        """Take over what an agent has collected."""
        await self.ready()
        return await self._host.report(report)

    async def tell(self, cluster_id: UUID, event: Input) -> None:
        """Have the state machine of a cluster handle something."""
        await self.ready()
        await self._host.tell(cluster_id, event)

    async def view(self, cluster_id: UUID) -> ClusterView:
        """How the cluster stands."""
        await self.ready()
        return await self._host.view(cluster_id)

    async def refresh(self, cluster_id: UUID) -> None:
        """Read policy and record of a cluster anew."""
        await self.ready()
        await self._host.refresh(cluster_id)

    async def forget(self, cluster_id: UUID) -> None:
        """Drop a cluster from memory."""
        await self.ready()
        await self._host.forget(cluster_id)

    async def counts(self) -> dict[str, int]:
        """Clusters awake, and those with something under way."""
        await self.ready()
        return self._host.counts()

    async def heard_of_risk_at(self) -> datetime | None:
        """When this process last heard of a flag."""
        await self.ready()
        return self._risk.heard_at

    async def close(self) -> None:
        """Store what is not stored yet."""
        await self.ready()
        await self._host.close()

    async def _warn(self, notice: EarlyNotice) -> None:
        await self._host.warn(notice.cluster_id, notice.event)

    async def _follow_config(self, services: Services) -> None:
        async with services.hub.bus.subscribe(keys.PLATFORM_CONFIG) as subscription:
            async for message in subscription:
                if isinstance(message, Gap) or message.channel == keys.PLATFORM_CONFIG:
                    await self._host.refresh_all()

    async def _measure(self, services: Services) -> None:
        while True:
            for state, count in self._host.counts().items():
                self._clusters.set(count, tags={"host": str(self._index), "state": state})
            await services.clock.sleep(GAUGE_EVERY_S)
