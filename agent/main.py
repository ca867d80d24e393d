"""The command: ``python -m agent`` for the agent, ``python -m agent node`` for the process on each node.

Exit codes: 0 when it was stopped by a signal, 2 when a setting is missing or malformed.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Generic, TypeVar

import structlog

from agent import logs
from agent.clock import SystemClock
from agent.hands import make_hands
from agent.interruptions.node import run_node
from agent.runtime import run_agent
from agent.service.outbox import Outbox
from agent.settings import NodeSettings, Settings, read_node_settings, read_settings
from agent.telemetry import Telemetry
from agent.version import version
from domain.errors import InputError

EXIT_USAGE = 2

LOOK_S = 60.0
"""Between two looks at the files that settings may lie in: nobody tells a pod that its Secret has been replaced."""

_USAGE = "usage: python -m agent [node]"

log = structlog.get_logger(__name__)

Chosen = TypeVar("Chosen", Settings, NodeSettings)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT; the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given not in ([], ["node"]):
        print(_USAGE, file=sys.stderr)  # noqa: T201 - the command line's own answer
        return EXIT_USAGE
    try:
        return asyncio.run(_node_program().run() if given else _agent_program().run())
    except InputError as err:
        print(f"{err.field}: {err.problem}", file=sys.stderr)  # noqa: T201 - logs need settings
        return EXIT_USAGE


class Program(Generic[Chosen]):
    """Runs a job with its settings, and anew with others when they have changed: looked at each minute and at SIGHUP.

    Parameters
    ----------
    read
        Reads the settings; raises `InputError`.
    job
        Runs with them until cancelled.
    look_s
        Seconds between two looks.
    """

    def __init__(
        self, read: Callable[[], Chosen], job: Callable[[Chosen], Coroutine[Any, Any, None]], *, look_s: float = LOOK_S
    ) -> None:
        self._read: Callable[[], Chosen] = read
        self._job: Callable[[Chosen], Coroutine[Any, Any, None]] = job
        self._settings: Chosen = read()
        self._look_s = look_s
        self._problem = ""
        self._stop = asyncio.Event()
        self._reload = asyncio.Event()

    async def run(self) -> int:
        """Until it is stopped; the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload.set)
        while not self._stop.is_set():
            await self._run_once()
        log.info("stopped")
        return 0

    async def _run_once(self) -> None:
        """The job, until it is stopped or its settings have changed."""
        logs.configure(self._settings.log_level)
        log.info("started", version=version(), settings=repr(self._settings))
        job = asyncio.create_task(self._job(self._settings))
        try:
            while not self._stop.is_set():
                await _first_set(job, self._stop, self._reload, within_s=self._look_s)
                if self._changed():
                    break
        finally:
            job.cancel()
            await asyncio.gather(job, return_exceptions=True)

    def _changed(self) -> bool:
        """Whether there are other settings since the last look; those that cannot be read change nothing."""
        was_asked = self._reload.is_set()
        self._reload.clear()
        try:
            settings = self._read()
        except InputError as err:
            self._say(err, was_asked=was_asked)
            return False
        self._problem = ""
        changed = bool(settings != self._settings)
        if changed or was_asked:
            log.info("settings were read again", changed=changed)
        self._settings = settings
        return changed

    def _say(self, err: InputError, *, was_asked: bool) -> None:
        """Once for each problem, and whenever somebody has asked."""
        if was_asked or str(err) != self._problem:
            log.error("the settings stay as they were", variable=err.field, problem=err.problem)
        self._problem = str(err)


async def _first_set(job: "asyncio.Task[None]", *events: asyncio.Event, within_s: float) -> None:
    """Until an event is set, at most this long. A job that ends by itself has failed, and so has the process."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait([job, *waits], timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    if job.done():
        job.result()


def _agent_program() -> Program[Settings]:
    clock, telemetry = SystemClock(), Telemetry()
    outboxes: dict[tuple[str, str], Outbox] = {}

    async def job(settings: Settings) -> None:
        """What waits for the service outlives a change of settings, but for one to another cluster."""
        key = (settings.api_url, settings.cluster_id)
        outbox = outboxes.get(key) or Outbox(clock, telemetry)
        outboxes.clear()
        outboxes[key] = outbox
        await run_agent(settings, clock, make_hands=make_hands, outbox=outbox, telemetry=telemetry)

    return Program(lambda: read_settings(os.environ), job)


def _node_program() -> Program[NodeSettings]:
    return Program(lambda: read_node_settings(os.environ), run_node)
