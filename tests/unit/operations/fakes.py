"""Twins of what the supervisor works with: a platform process, servers, a screen."""

import asyncio
from collections.abc import Sequence

from adapters.clock import VirtualClock
from adapters.postgres.seed import SeedOutcome
from serve.operations.board import Where
from serve.operations.database import Prepared
from serve.operations.keeper import Child
from serve.operations.messages import Order, Report, Word
from serve.operations.stores import Stores
from serve.operations.supervise import Supervisor, Surroundings

WHERE = Where(
    url="http://host:1", docs="http://host:1/api/docs", dashboard="http://host:2", data_dir="d", logs="d/logs"
)
READY = Report(word=Word.READY)


def failed(detail: str, *, final: bool = False) -> Report:
    return Report(word=Word.FAILED, detail=detail, final=final)


class FakeChild(Child):
    """A platform process that says what it is told to say; ``None`` among its reports is its end."""

    def __init__(self, reports: Sequence[Report | None] = (), journal: list[str] | None = None, *, deaf: bool = False):
        self._line: asyncio.Queue[Report | None] = asyncio.Queue()
        for report in reports:
            self._line.put_nowait(report)
        self.journal = journal if journal is not None else []
        self.orders: list[Order] = []
        self.alive = False
        self._deaf = deaf

    @property
    def pid(self) -> int | None:
        return 4711 if self.alive else None

    async def start(self) -> None:
        self.alive = True
        self.journal.append("platform started")

    async def report(self) -> Report | None:
        return await self._line.get()

    def order(self, order: Order) -> None:
        self.orders.append(order)
        if order is Order.STOP and not self._deaf:
            self.journal.append("platform stopped")
            self.say(Report(word=Word.STOPPED), None)

    async def kill(self) -> None:
        if self.alive:
            self.journal.append("platform gone")
            self.say(None)
        self.alive = False

    def last_words(self) -> str:
        return "Traceback: it hurts"

    def say(self, *reports: Report | None) -> None:
        for report in reports:
            self._line.put_nowait(report)


class FakeServer:
    """PostgreSQL or Redis."""

    def __init__(self, name: str, journal: list[str], *, broken: Exception | None = None) -> None:
        self.name = name
        self.journal = journal
        self.alive = False
        self._broken = broken

    async def start(self) -> None:
        if self._broken is not None:
            raise self._broken
        self.alive = True
        self.journal.append(f"{self.name} started")

    async def stop(self) -> None:
        self.alive = False
        self.journal.append(f"{self.name} stopped")

    def pid(self) -> int | None:
        return 12 if self.alive else None


class FakeScreen:
    """Keeps what it was to show."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def begun(self, step: str) -> None:
        self.lines.append(f"begun {step}")

    def done(self, step: str, took_s: float, detail: str = "") -> None:
        self.lines.append(f"done {step}")

    def say(self, text: str) -> None:
        self.lines.append(text)

    def password(self, email: str, password: str) -> None:
        self.lines.append(f"password {email} {password}")

    def ready(self, where: Where, took_s: float) -> None:
        self.lines.append(f"ready {where.url}")

    def close(self) -> None:
        self.lines.append("closed")


class Scene:
    """A supervisor among twins.

    Parameters
    ----------
    lives
        The platform processes it gets, one after the other; the last one again and again.
    """

    def __init__(
        self, *lives: FakeChild, database_fails: Exception | None = None, prepare_fails: Exception | None = None
    ) -> None:
        self.journal: list[str] = []
        self.clock = VirtualClock()
        self.screen = FakeScreen()
        self.lives = list(lives) or [FakeChild()]
        for life in self.lives:
            life.journal = self.journal
        self.launched: list[FakeChild] = []
        self.postgres = FakeServer("PostgreSQL", self.journal, broken=database_fails)
        self.redis = FakeServer("Redis", self.journal)
        self._prepare_fails = prepare_fails
        self.supervisor = Supervisor(
            Surroundings(
                clock=self.clock,
                screen=self.screen,
                stores=Stores(database_url="", redis_url="", postgres=self.postgres, redis=self.redis),  # type: ignore[arg-type]
                prepare=self._prepare,
                launch=self._launch,
                where=WHERE,
            )
        )

    def _launch(self) -> FakeChild:
        life = self.lives.pop(0) if len(self.lives) > 1 else self.lives[0]
        self.launched.append(life)
        return life

    async def _prepare(self) -> Prepared:
        if self._prepare_fails is not None:
            raise self._prepare_fails
        self.journal.append("database prepared")
        return Prepared(revision="1", seeded=SeedOutcome(changed={}, admin_email="a@b", admin_password="secret"))
