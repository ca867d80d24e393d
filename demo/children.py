"""Processes that the demo starts: each ends with it, by its id."""

import asyncio
import contextlib
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import orjson

LONGEST_LINE_BYTES = 1 << 20


class Child:
    """A process of its own session, so that a Ctrl-C in the terminal reaches the demo alone.

    Parameters
    ----------
    end_s
        How long it may take to end when it is asked to.
    """

    def __init__(self, process: Process, *, log: Path, end_s: float) -> None:
        self._process, self._log, self._end_s = process, log, end_s

    @property
    def pid(self) -> int:
        """Its id."""
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        """Whether it lives no more."""
        return self._process.returncode is not None

    async def events(self) -> AsyncIterator[Mapping[str, object]]:
        """The JSON objects that it writes, one a line, until it ends; other lines are passed over."""
        assert self._process.stdout is not None  # noqa: S101 - it was started with a pipe
        async for line in self._process.stdout:
            with contextlib.suppress(orjson.JSONDecodeError):
                if isinstance(event := orjson.loads(line), dict):
                    yield event

    async def ended(self) -> int:
        """Wait for its end; its exit code."""
        return await self._process.wait()

    def last_words(self, lines: int = 15) -> str:
        """The end of its log."""
        with contextlib.suppress(OSError):
            return "\n".join(self._log.read_text(errors="replace").splitlines()[-lines:])
        return ""

    def tell(self, number: signal.Signals) -> None:
        """Send it a signal; one that has ended hears nothing."""
        if not self.has_ended:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def end(self) -> None:
        """Ask it to end, and end it when it does not."""
        self.tell(signal.SIGTERM)
        try:
            async with asyncio.timeout(self._end_s):
                await self._process.wait()
        except TimeoutError:
            self.tell(signal.SIGKILL)
            await self._process.wait()


@asynccontextmanager
async def child(
    *arguments: str, environment: Mapping[str, str], log: Path, end_s: float, speaks: bool = False
) -> AsyncIterator[Child]:
    """Run a Python module with arguments until the block ends.

    Parameters
    ----------
    environment
        All of it.
    log
        Where it writes, but for what it speaks.
    speaks
        Whether `Child.events` reads its standard output.
    """
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=PIPE if speaks else output,
            stderr=output,
            env=dict(environment),
            cwd=Path.cwd(),
            start_new_session=True,
            limit=LONGEST_LINE_BYTES,
        )
    running = Child(process, log=log, end_s=end_s)
    try:
        yield running
    finally:
        await asyncio.shield(running.end())
