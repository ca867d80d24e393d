"""Polls for actions. Nearly all find nothing, so what is known to be empty is answered from memory.

What keeps the memory true: every queued action is told on ``agent:command:{cluster}`` after its row is stored, and a
cluster that is told of is asked about anew. As messages get lost, nothing is believed for longer than `BELIEVED_S`,
and after a gap nothing at all. Questions to PostgreSQL are put together: one statement asks for all that wait.
"""

import asyncio
from uuid import UUID

from adapters.clock import Clock
from adapters.postgres.ports import Database
from domain.work import AgentAction

BELIEVED_S = 2.0
MOST_REMEMBERED = 100_000


class PendingPolls:
    """Hands out pending actions."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._empty_until_s: dict[UUID, float] = {}
        self._asking: dict[UUID, asyncio.Future[bool]] = {}
        self._woken: set[UUID] = set()
        self._task: asyncio.Task[None] | None = None

    async def take(self, cluster_id: UUID) -> tuple[AgentAction, ...]:
        """Take what is pending, at most 10 actions, oldest first. Nothing is handed out twice."""
        if self._empty_until_s.get(cluster_id, 0.0) > self._clock.monotonic() or not await self._some(cluster_id):
            return ()
        async with self._database.single() as tx:
            return await tx.actions.take_pending(cluster_id, self._clock.now())

    async def any(self, cluster_id: UUID) -> bool:
        """Whether something is pending, asked of the database."""
        return await self._some(cluster_id)

    def wake(self, cluster_id: UUID) -> None:
        """Something may be pending for this cluster from now on."""
        self._empty_until_s.pop(cluster_id, None)
        self._woken.add(cluster_id)

    def clear(self) -> None:
        """Believe nothing: messages may have been lost."""
        self._empty_until_s.clear()
        self._woken.update(self._asking)

    async def _some(self, cluster_id: UUID) -> bool:
        answer = self._asking.get(cluster_id)
        if answer is None:
            answer = self._asking[cluster_id] = asyncio.get_running_loop().create_future()
        if self._task is None:
            self._task = asyncio.create_task(self._ask())
        return await asyncio.shield(answer)

    async def _ask(self) -> None:
        """While one statement is under way the next questions gather, so no timer is needed to batch them."""
        try:
            while self._asking:
                asked, self._asking = self._asking, {}
                self._woken.clear()
                await self._ask_of(asked)
        finally:
            self._task = None

    async def _ask_of(self, asked: dict[UUID, asyncio.Future[bool]]) -> None:
        try:
            async with self._database.single() as tx:
                some = await tx.actions.have_pending(tuple(asked), self._clock.now())
        except Exception as err:  # noqa: BLE001 - whoever asked gets the error
            for answer in asked.values():
                answer.set_exception(err)
                answer.exception()  # nobody may be left to hear it
            return
        some |= self._woken
        self._remember(asked.keys() - some)
        for cluster_id, answer in asked.items():
            answer.set_result(cluster_id in some)

    def _remember(self, empty: set[UUID]) -> None:
        if len(self._empty_until_s) > MOST_REMEMBERED:
            self._empty_until_s.clear()
        self._empty_until_s.update(dict.fromkeys(empty, self._clock.monotonic() + BELIEVED_S))
