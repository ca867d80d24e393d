"""Work beside the requests: steps repeated for ever, and subscriptions followed through every gap."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from adapters.clock import Clock
from adapters.redis.ports import Bus, Gap, Message

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0

_logger = logging.getLogger(__name__)


async def forever(name: str, step: Callable[[], Awaitable[None]], clock: Clock) -> None:
    """Repeat a step until cancelled. One that fails is logged and repeated after a growing pause."""
    pause_s = FIRST_PAUSE_S
    while True:
        try:
            await step()
            pause_s = FIRST_PAUSE_S
        except Exception:
            _logger.exception("%s failed, next try in %.1f s", name, pause_s)
            await clock.sleep(pause_s)
            pause_s = min(LONGEST_PAUSE_S, 2 * pause_s)


async def follow(
    bus: Bus,
    on_message: Callable[[Message], None],
    *,
    resync: Callable[[], Awaitable[None]],
    channels: Sequence[str] = (),
    patterns: Sequence[str] = (),
) -> None:
    """Hand over messages until the bus is closed; ``resync`` at the beginning and after each gap.

    A message that cannot be read is logged and left out.
    """
    async with bus.subscribe(*channels, patterns=patterns, capacity=10_000) as subscription:
        await resync()
        async for item in subscription:
            if isinstance(item, Gap):
                await resync()
                continue
            try:
                on_message(item)
            except (ValueError, KeyError, TypeError):
                _logger.warning("a message on %s cannot be read", item.channel)
    # The bus is closed only when the process ends: nothing is left to do but wait for that.
    await asyncio.Event().wait()
