"""Waiting for one of several things, on a clock that tests turn."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from agent.clock import Clock


async def first_of(*work: Coroutine[Any, Any, None]) -> None:
    """Run side by side until the first ends; the others are cancelled, and its error is raised."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def set_within(event: asyncio.Event, clock: Clock, seconds: float) -> bool:
    """Wait for an event at most this long; whether it was set."""
    await first_of(_wait(event), clock.sleep(seconds))
    return event.is_set()


async def _wait(event: asyncio.Event) -> None:
    await event.wait()
