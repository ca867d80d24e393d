"""The supervisor: brings everything up, keeps it up, takes it down in order."""

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from adapters.clock import Clock
from adapters.embedded.server import EmbeddedServer
from domain.errors import SpotOptimizerError
from serve.operations.board import Board, Where
from serve.operations.keeper import Child, Keeper
from serve.operations.messages import Part, Report, Word
from serve.operations.processes import since
from serve.operations.screen import Screen
from serve.operations.stores import Stores, StoreWatch

if TYPE_CHECKING:
    from serve.operations.database import Prepared

NOTES_KEPT = 50
"""What happened, for `spotopt status`: the youngest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the supervisor works with, besides the settings.

    Parameters
    ----------
    stores
        PostgreSQL and Redis.
    prepare
        Brings the database up to date.
    launch
        Makes a platform process that has not been started.
    where
        Where everything will be.
    """

    clock: Clock
    screen: Screen
    stores: Stores
    prepare: "Callable[[], Awaitable[Prepared]]"
    launch: Callable[[], Child]
    where: Where


class Supervisor:
    """One run of the platform, from `run` to `stop`.

    Survives the death of everything that it has started; its own death ends the platform process, while PostgreSQL and
    Redis stay until the next start finds them.
    """

    def __init__(self, around: Surroundings) -> None:
        self._clock = around.clock
        self._screen = around.screen
        self._stores = around.stores
        self._prepare = around.prepare
        self._started_s = around.clock.monotonic()
        self._watch = StoreWatch(around.stores, around.clock, self._say)
        self._board = Board(pid=os.getpid(), started_at=around.clock.now(), where=around.where)
        self._keeper = Keeper(around.launch, around.clock, hear=self._hear, say=self._died)
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Bring everything up and keep it so until `stop`; everything is down when this comes back.

        Raises
        ------
        RejectedError
            It cannot run like this: a setting is wrong.
        TransientError
            It does not come up.
        """
        work = asyncio.create_task(self._work())
        asked = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({work, asked}, return_when=asyncio.FIRST_COMPLETED)
            await self._take_down(work)
        finally:
            asked.cancel()
            self._screen.close()

    def stop(self) -> None:
        """End it in order."""
        self._stop.set()

    async def hurry(self) -> None:
        """End it without waiting for open requests. PostgreSQL and Redis still end cleanly."""
        self._stop.set()
        await self._keeper.hurry()

    async def status(self) -> dict[str, Any]:
        """How everything stands now."""
        parts, queues = await asyncio.gather(self._watch.look(), self._watch.queues())
        pid = self._keeper.pid
        platform = Part(
            name="platform process",
            healthy=self._keeper.is_ready,
            pid=pid,
            since=since(pid),
            restarts=self._keeper.restarts,
        )
        return self._board.document((*parts, platform), queues)

    async def _work(self) -> None:
        """Everything side by side; ends by an error, or when the keeper was stopped."""
        async with asyncio.TaskGroup() as tasks:
            keeping = tasks.create_task(self._keeper.run())
            others = [tasks.create_task(self._prepare_and_watch()), tasks.create_task(self._greet())]
            await keeping
            for task in others:
                task.cancel()

    async def _prepare_and_watch(self) -> None:
        others = (self._start(server) for server in self._stores.embedded if server is not self._stores.postgres)
        await asyncio.gather(self._start_database(), *others)
        self._keeper.go()
        await self._watch.run()

    async def _start_database(self) -> None:
        if self._stores.postgres is not None:
            await self._start(self._stores.postgres)
        with self._step("schema and seed data"):
            seeded = (await self._prepare()).seeded
        if seeded.admin_password:
            self._screen.password(seeded.admin_email, seeded.admin_password)

    async def _start(self, server: EmbeddedServer) -> None:
        with self._step(server.name):
            await server.start()

    async def _greet(self) -> None:
        await self._keeper.ready.wait()
        self._screen.ready(self._board.where, self._clock.monotonic() - self._started_s)

    async def _take_down(self, work: "asyncio.Task[None]") -> None:
        """In the order in which things need each other; what cannot be stopped does not keep the rest running."""
        self._board.stopping = True
        await self._keeper.stop()
        work.cancel()
        failure = None
        try:
            await work
        except asyncio.CancelledError:
            pass
        except BaseExceptionGroup as group:
            failure = _first(group)
        for server in self._stores.embedded:
            with self._step(f"{server.name} stopped"):
                await server.stop()
        if failure is not None:
            raise failure

    @contextlib.contextmanager
    def _step(self, name: str) -> Iterator[None]:
        started_s = self._clock.monotonic()
        self._hear(Report(word=Word.BEGUN, step=name))
        yield
        self._hear(Report(word=Word.DONE, step=name, took_s=self._clock.monotonic() - started_s))

    def _hear(self, report: Report) -> None:
        self._board.hear(report)
        match report.word:
            case Word.BEGUN:
                self._screen.begun(report.step)
            case Word.DONE:
                self._screen.done(report.step, report.took_s, report.detail)
            case Word.READY if self._keeper.restarts:
                self._say("everything runs again")
            case _:
                return

    def _died(self, text: str) -> None:
        self._board.platform_died()
        self._say(text)

    def _say(self, text: str) -> None:
        self._board.notes = [*self._board.notes, f"{self._clock.now():%H:%M:%S} {text}"][-NOTES_KEPT:]
        self._screen.say(text)


def _first(group: BaseException) -> BaseException:
    """The error that matters of those that ended together: one of ours, where there is one."""
    if not isinstance(group, BaseExceptionGroup):
        return group
    flat = [_first(error) for error in group.exceptions]
    return next((error for error in flat if isinstance(error, SpotOptimizerError)), flat[0])
