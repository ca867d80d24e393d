"""Heartbeats, gathered and stored together every tenth of a second."""

import asyncio
import logging
from collections.abc import Sequence
from uuid import UUID, uuid4

from actors.cluster.inputs import AgentConnected
from actors.hosting.ports import Clusters
from actors.services import Services
from adapters.redis.ports import Heartbeat as SharedBeat
from domain.errors import RejectedError, TransientError
from domain.fleet import Heartbeat

FLUSH_S = 0.1
"""A heartbeat is answered before it is stored: a replica that dies loses those of a tenth of a second, and the next
ones come within half a minute."""
TOUCH_EVERY_S = 60.0
"""How exactly the last use of a key is known."""
TOLD_AT_ONCE = 16
"""Hosts are told of so many agents at a time that are back."""

_logger = logging.getLogger(__name__)


class Beats:
    """The heartbeats of this replica on their way to Redis (for the portal, at once) and PostgreSQL (for keeps)."""

    def __init__(self, services: Services, clusters: Clusters) -> None:
        self._services = services
        self._clusters = clusters
        self._waiting: dict[UUID, tuple[Heartbeat, bytes]] = {}
        self._used: dict[UUID, float] = {}
        self._nodes: dict[UUID, int] = {}
        self._to_touch: set[UUID] = set()
        self._telling: set[asyncio.Task[None]] = set()

    def put(self, beat: Heartbeat, body: bytes) -> None:
        """Take a heartbeat in; ``body`` is what portal pages see. A second one within a flush replaces the first."""
        self._waiting[beat.cluster_id] = (beat, body)

    def used(self, key_id: UUID) -> None:
        """Note that a key was used just now."""
        now_s = self._services.clock.monotonic()
        if now_s >= self._used.get(key_id, 0.0):
            self._used[key_id] = now_s + TOUCH_EVERY_S
            self._to_touch.add(key_id)

    def count_nodes(self, cluster_id: UUID, nodes: int) -> None:
        """Note how many nodes a cluster has; heartbeats do not say."""
        self._nodes[cluster_id] = nodes

    def nodes_of(self, cluster_id: UUID) -> int:
        """Nodes at the last count this replica has heard of, 0 when it has heard of none."""
        return self._nodes.get(cluster_id, 0)

    async def run(self) -> None:
        """One step of the loop that stores."""
        await self._services.clock.sleep(FLUSH_S)
        await self.flush()

    async def flush(self) -> None:
        """Store what waits. What PostgreSQL could not take waits on, unless a newer one has come."""
        taken, self._waiting = self._waiting, {}
        touched, self._to_touch = self._to_touch, set()
        if not taken and not touched:
            return
        try:
            await self._share([(beat, body) for beat, body in taken.values()])
            await self._keep([beat for beat, _ in taken.values()], touched)
        except TransientError:
            self._waiting = taken | self._waiting
            self._to_touch |= touched
            raise

    async def _share(self, taken: Sequence[tuple[Heartbeat, bytes]]) -> None:
        beats = [SharedBeat(cluster_id=str(beat.cluster_id), at=beat.at, body=body) for beat, body in taken]
        try:
            await self._services.hub.heartbeats.record(beats)
        except TransientError as err:
            _logger.warning("portal pages do not see %d heartbeats: %s", len(beats), err)

    async def _keep(self, beats: Sequence[Heartbeat], touched: set[UUID]) -> None:
        now = self._services.clock.now()
        async with self._services.database.single() as tx:
            back = await tx.clusters.beat(beats) if beats else ()
            if touched:
                await tx.api_keys.touch(dict.fromkeys(touched, now))
        if back:
            task = asyncio.create_task(self._tell(back))
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)

    async def _tell(self, back: Sequence[UUID]) -> None:
        for start in range(0, len(back), TOLD_AT_ONCE):
            await asyncio.gather(*(self._tell_one(one) for one in back[start : start + TOLD_AT_ONCE]))

    async def _tell_one(self, cluster_id: UUID) -> None:
        try:
            await self._clusters.tell(cluster_id, AgentConnected(id=uuid4().hex, at=self._services.clock.now()))
        except (TransientError, RejectedError) as err:
            _logger.warning("cluster %s was not told that its agent is back: %s", cluster_id, err)
