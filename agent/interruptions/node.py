"""The mode ``node``: one process on each node that asks the instance metadata and marks its own node.

It only writes conditions of its node's status, so the one right it needs is ``patch`` on ``nodes/status``. Whoever
leads sees the conditions through its watch and acts; nobody speaks with the service from here. Nothing needs to survive
a crash: what was noticed stays on the node, and is read again from the metadata.
"""

import asyncio

import httpx
import structlog
from prometheus_client import CollectorRegistry

from agent.backoff import Backoff
from agent.clock import Clock, SystemClock
from agent.health import HealthApp, Pulse, serving
from agent.interruptions.metadata import Metadata, MetadataAwayError, NoMetadataError
from agent.interruptions.notices import (
    INTERRUPTION_CONDITION,
    REBALANCE_CONDITION,
    cleared_condition,
    interruption_condition,
    rebalance_condition,
)
from agent.kubernetes.api import JsonObject, KubernetesApi, PatchKind, path_of
from agent.kubernetes.client import HttpKubernetes
from agent.kubernetes.errors import KubernetesError
from agent.settings import NodeSettings

POLL_S = 2.0
"""Between two questions. AWS recommends 5 s; of 120 s each counts, and the answer comes from the same machine."""

LONGEST_WAIT_S = 30.0
"""Between two tries where the metadata or the API server do not answer."""

log = structlog.get_logger(__name__)


class NodeWatch:
    """Asks the metadata, and keeps the node's two conditions as they should be.

    Parameters
    ----------
    node
        Name of the node this runs on.
    """

    def __init__(self, api: KubernetesApi, metadata: Metadata, clock: Clock, *, node: str, dry_run: bool) -> None:
        self._api, self._metadata, self._clock, self._node = api, metadata, clock, node
        self._rehearses = dry_run
        self._instance_id = ""
        self._marked: dict[str, str] = {}
        self.problem = "the metadata service has not answered yet"

    async def run(self) -> None:
        """Until cancelled."""
        backoff = Backoff(longest_s=LONGEST_WAIT_S)
        while True:
            try:
                await self.look()
            except (MetadataAwayError, NoMetadataError, KubernetesError) as err:
                self._complain(str(err))
                retry_s = err.retry_after_s if isinstance(err, KubernetesError) else None
                await self._clock.sleep(backoff.next_s(at_least_s=retry_s))
                continue
            self.problem = ""
            backoff.reset()
            await self._clock.sleep(POLL_S)

    async def look(self) -> None:
        """Ask once, and mark the node by what is new.

        Raises
        ------
        MetadataAwayError, NoMetadataError, KubernetesError
            When the metadata service or the API server does not answer, or refuses.
        """
        instance_id = self._instance_id = self._instance_id or await self._metadata.instance_id()
        now = self._clock.now()
        takeover = await self._metadata.interruption()
        if takeover is None:
            interruption = cleared_condition(INTERRUPTION_CONDITION, now=now)
        else:
            interruption = interruption_condition(takeover.action, takeover.at, instance_id=instance_id, now=now)
        await self._mark(interruption)
        noticed_at = await self._metadata.rebalance()
        if noticed_at is None:
            await self._mark(cleared_condition(REBALANCE_CONDITION, now=now))
        else:
            await self._mark(rebalance_condition(noticed_at, instance_id=instance_id, now=now))

    async def _mark(self, condition: JsonObject) -> None:
        """Write a condition unless it is as written last. The first look always writes: an instance that was stopped
        and came back may carry a mark of its life before.
        """
        kind, told = condition["type"], f"{condition['status']} {condition['reason']} {condition['message']}"
        if self._marked.get(kind) == told:
            return
        log.info("the node's condition changes", node=self._node, condition=kind, status=condition["status"])
        if not self._rehearses:
            path = path_of("nodes", f"{self._node}/status")
            await self._api.patch(path, {"status": {"conditions": [condition]}}, kind=PatchKind.STRATEGIC)
        self._marked[kind] = told

    def _complain(self, problem: str) -> None:
        if problem != self.problem:
            log.warning("interruptions cannot be seen", node=self._node, problem=problem)
        self.problem = problem


async def run_node(settings: NodeSettings) -> None:
    """Watch over this node, with health checks, until cancelled."""
    clock = SystemClock()
    pulse = Pulse(clock)
    async with (
        HttpKubernetes(settings.kubernetes, clock) as kubernetes,
        # The metadata service is on this machine: a proxy of the environment is never meant for it.
        httpx.AsyncClient(base_url=settings.metadata_url, trust_env=False) as http,
    ):
        metadata = Metadata(http, clock)
        watch = NodeWatch(kubernetes, metadata, clock, node=settings.node, dry_run=settings.dry_run)
        app = HealthApp(
            CollectorRegistry(), alive=pulse.problems, ready=lambda: [watch.problem] if watch.problem else []
        )
        with serving(app, settings.port):
            async with asyncio.TaskGroup() as group:
                group.create_task(pulse.run())
                group.create_task(watch.run())
