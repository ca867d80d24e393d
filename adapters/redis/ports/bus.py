"""Publish and subscribe: fast, and gone when nobody listens."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What somebody published."""

    channel: str
    body: bytes


class GapCause(StrEnum):
    """Why messages may be missing."""

    RECONNECTED = "reconnected"
    OVERFLOW = "overflow"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Messages may be missing here: read the state anew from where it is kept.

    ``dropped`` counts those thrown away because the subscriber was too slow; what was published while the connection
    was down is counted by nobody.
    """

    cause: GapCause
    dropped: int = 0


class Subscription(Protocol):
    """Messages of the channels asked for, in order of their arrival, with a `Gap` wherever some may be missing.

    Its queue is bounded: when full, the oldest message is dropped, and a `Gap` tells how many were. It is read by one
    task. Iteration ends when the bus is closed.
    """

    @property
    def dropped(self) -> int:
        """Messages dropped since the beginning."""

    def __aiter__(self) -> AsyncIterator[Message | Gap]: ...

    async def __anext__(self) -> Message | Gap: ...


class Bus(Protocol):
    """Publish and subscribe among all processes of the platform."""

    async def publish(self, channel: str, body: bytes) -> None:
        """Tell everybody who listens now.

        Raises
        ------
        TransientError
            The server cannot be reached.
        """

    async def publish_many(self, messages: Sequence[Message]) -> None:
        """Tell several things in one round trip, in this order."""

    def subscribe(
        self, *channels: str, patterns: Sequence[str] = (), capacity: int = 1_000
    ) -> AbstractAsyncContextManager[Subscription]:
        """Listen while the context is open: nothing published after it has been entered is missed silently.

        Parameters
        ----------
        channels
            Exact names.
        patterns
            Names with ``*``, ``?`` and ``[...]``, as Redis knows them. What matches twice is delivered twice.
        capacity
            Messages that wait for this subscriber before the oldest is dropped.
        """
