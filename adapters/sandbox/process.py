"""Runs a module over some bytes in a process of its own, and ends it when it takes too long.

The module confines itself (`adapters.sandbox.confine`) once it has imported what it needs, and only then reads its
input: nothing of a stranger's is looked at by a process that could do harm. It gets no environment, no open files but
its three streams, and a process group of its own that is killed as a whole.
"""

import asyncio
import contextlib
import os
import signal
import sys
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from adapters.sandbox.confine import Limits
from adapters.sandbox.inside import READY, REFUSED, UNWALLED
from domain.errors import RejectedError, TransientError

ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1", "LANG": "C.UTF-8"}
"""Nothing of ours goes along, secrets least of all; threads would only take more memory."""
START_S = 60.0
"""Longest wait for a process to be ready: it imports numerical libraries, on a busy machine."""

log = structlog.get_logger(__name__)


class OutOfBoundsError(RejectedError):
    """The input made the process exceed its limits, or crash."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)


class NoSandboxError(RejectedError):
    """No process can be confined on this machine."""

    def __init__(self, why: str) -> None:
        super().__init__(f"models cannot be judged on this machine: {why}")


class Sandbox(Protocol):
    """Judges bytes that a stranger has sent."""

    async def run(self, module: str, data: bytes) -> bytes:
        """What the module answers.

        Raises
        ------
        OutOfBoundsError
            It took too long, too much memory, answered too much, or died.
        NoSandboxError
            Nothing can be judged on this machine.
        TransientError
            No process could be started.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSandbox:
    """`Sandbox` by processes, one after another: two hostile inputs take no more of a machine than one."""

    limits: Limits = field(default_factory=Limits)
    _turn: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))

    async def run(self, module: str, data: bytes) -> bytes:
        """Start the module, wait until it is confined, hand the bytes over, read the answer."""
        async with self._turn:
            return await self._run(module, data)

    async def _run(self, module: str, data: bytes) -> bytes:
        process = await _start(module)
        try:
            await _ready(process)
            try:
                async with asyncio.timeout(self.limits.wall_s):
                    answer = await self._talk(process, data)
                    code = await process.wait()
            except TimeoutError as err:
                raise OutOfBoundsError(f"took longer than {self.limits.wall_s:g} s to read") from err
        finally:
            _kill(process)
            await process.wait()
        if code != 0 or not answer:
            raise OutOfBoundsError(_cause(code))
        if len(answer) > self.limits.answer_bytes:
            raise OutOfBoundsError("made the reader answer without end")
        return answer

    async def _talk(self, process: asyncio.subprocess.Process, data: bytes) -> bytes:
        stdin, stdout = process.stdin, process.stdout
        assert stdin is not None  # noqa: S101 - both are pipes
        assert stdout is not None  # noqa: S101
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # its exit code will tell
            stdin.write(data)
            await stdin.drain()
            stdin.close()
        pieces, size = [], 0
        while size <= self.limits.answer_bytes and (piece := await stdout.read(1 << 16)):
            pieces.append(piece)
            size += len(piece)
        if size > self.limits.answer_bytes:
            _kill(process)
        return b"".join(pieces)


async def _start(module: str) -> asyncio.subprocess.Process:
    command = (sys.executable, "-I", "-B", "-m", module)
    try:
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=ENVIRONMENT,
            cwd="/",
            start_new_session=True,
            close_fds=True,
        )
    except OSError as err:
        raise TransientError(f"no process for the sandbox: {err.strerror}") from err


async def _ready(process: asyncio.subprocess.Process) -> None:
    stdout = process.stdout
    assert stdout is not None  # noqa: S101 - a pipe
    try:
        async with asyncio.timeout(START_S):
            line = await stdout.readline()
    except TimeoutError as err:
        raise TransientError(f"the sandbox was not ready within {START_S:g} s") from err
    said = line.decode(errors="replace").strip()
    if said.startswith(REFUSED):
        raise NoSandboxError(said.removeprefix(f"{REFUSED}: "))
    if said not in (READY, UNWALLED):
        raise TransientError("the sandbox could not be set up")
    if said == UNWALLED:
        log.warning("a sandbox has no network of its own here; its filter of system calls alone keeps it from ours")


def _kill(process: asyncio.subprocess.Process) -> None:
    """End the whole group; one that has ended is left alone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _cause(code: int) -> str:
    if code in (-signal.SIGXCPU, -signal.SIGKILL):
        return "took more processor time than any model needs"
    return "took more memory than any model needs, or crashed the reader"
