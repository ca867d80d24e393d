"""The scouts as others see them: found by name, and started where they do not run yet."""

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol
from uuid import UUID

from ray.actor import ActorHandle

from actors import runtime
from actors.hosting.client import answered
from domain.errors import TransientError
from domain.fleet import Account

LOOK_TIMEOUT_S = 100.0
"""Less than a periodic job may take; a look that lasts longer goes on, and the next round waits for it."""


class Scouts(Protocol):
    """Looks into accounts."""

    async def look(self, accounts: Sequence[Account]) -> dict[UUID, str]:
        """Look into accounts side by side; what came of each, in words.

        Raises
        ------
        TransientError
            A scout does not answer.
        """


class RayScouts:
    """Scouts that are actors of Ray.

    Parameters
    ----------
    count
        Processes that share the accounts.
    """

    def __init__(self, count: int) -> None:
        self._count = count

    async def look(self, accounts: Sequence[Account]) -> dict[UUID, str]:
        """Look into accounts side by side."""
        shares: dict[int, list[tuple[UUID, UUID]]] = {}
        for account in accounts:
            share = shares.setdefault(account.id.int % self._count, [])
            share.append((account.organization_id, account.id))
        said = await asyncio.gather(*(self._ask(index, share) for index, share in shares.items()))
        return {account_id: words for one in said for account_id, words in one.items()}

    async def _ask(self, index: int, share: Sequence[tuple[UUID, UUID]]) -> dict[UUID, str]:
        handle: Any = await asyncio.to_thread(_scout, index)
        name = scout_name(index)
        said: dict[UUID, str] = await answered(handle.look.remote(share), what=name, timeout_s=LOOK_TIMEOUT_S)
        return said


def scout_name(index: int) -> str:
    """Name of a scout."""
    return f"AccountScout-{index}"


def _scout(index: int) -> ActorHandle[Any]:
    name = scout_name(index)
    try:
        return runtime.find(name)
    except TransientError:
        from actors.accounts.actor import AccountScout  # what only scouts need to load

        return runtime.start(runtime.ActorSpec(name=name, made_by=AccountScout))
