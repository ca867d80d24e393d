"""What is typed into the demo's terminal: a Helm command that the portal has shown, or a wish for an interruption."""

import asyncio
import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from uuid import UUID

STANDARD_INPUT = 0
LONGEST_READ_BYTES = 1 << 16

_CLUSTER = re.compile(r"\bclusterId=([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b")
_KEY = re.compile(r"\bapiToken=([^\s'\"]+)")
_INTERRUPT = re.compile(r"interrupt(?:\s+(?P<name>[a-z0-9-]+))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """The agent of a cluster is to be installed with a key."""

    cluster: UUID
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Interruption:
    """AWS is to take a Spot node; of any cluster where the name is empty."""

    name: str


def understood(line: str) -> Installation | Interruption | None:
    """What a line says, if anything."""
    cluster, key = _CLUSTER.search(line), _KEY.search(line)
    if cluster and key:
        return Installation(cluster=UUID(cluster[1]), key=key[1])
    wish = _INTERRUPT.fullmatch(line.strip())
    return Interruption(name=(wish["name"] or "").lower()) if wish else None


@contextmanager
def listening(on_line: Callable[[str], None], *, descriptor: int = STANDARD_INPUT) -> Iterator[None]:
    """Hear each line that is typed while the block runs; where nobody can type, nothing is heard."""
    loop, rest = asyncio.get_running_loop(), bytearray()

    def more() -> None:
        read = b""
        with suppress(OSError):
            read = os.read(descriptor, LONGEST_READ_BYTES)
        if not read:
            loop.remove_reader(descriptor)
        *lines, last = bytes(rest + read).split(b"\n")
        rest[:] = last
        for line in filter(None, map(bytes.strip, lines)):
            on_line(line.decode(errors="replace"))

    # In the background of a terminal reading would stop the whole process; so it fails instead.
    before = signal.signal(signal.SIGTTIN, signal.SIG_IGN)
    try:
        # A file or /dev/null cannot be waited for, and has nobody who types.
        with suppress(OSError, ValueError):
            loop.add_reader(descriptor, more)
        yield
    finally:
        with suppress(OSError, ValueError):
            loop.remove_reader(descriptor)
        signal.signal(signal.SIGTTIN, before)
