"""Discovery on Ray: a few actors that look into accounts side by side, each account always by the same one.

An actor keeps its clients and sessions from round to round: making them anew costs more than a look.
"""

import asyncio
from collections.abc import Sequence
from uuid import UUID

import structlog

from actors.accounts.discovery import Discoverer
from actors.services import Services
from actors.shell import Shell
from domain.errors import SpotOptimizerError

AT_ONCE = 8
"""Accounts that one process looks into at once: their calls share its 24 threads (`adapters.aws.calls`)."""

LOOK_S = 600.0
"""Longest look into one account; the next round begins anew."""

log = structlog.get_logger(__name__)


class AccountScout(Shell):
    """Looks into accounts."""

    def __init__(self) -> None:
        super().__init__()
        self._discoverer: Discoverer
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._looking: dict[UUID, asyncio.Task[str]] = {}

    async def _begin(self, services: Services) -> None:
        self._discoverer = Discoverer(services)

    async def look(self, accounts: Sequence[tuple[UUID, UUID]]) -> dict[UUID, str]:
        """Look into accounts, given by organisation and id; what came of each, in words.

        A look that is under way already is not begun again. One that goes wrong does not stop the others.
        """
        await self.ready()
        looks = {account_id: self._task(organization_id, account_id) for organization_id, account_id in accounts}
        said = await asyncio.gather(*map(asyncio.shield, looks.values()))
        return dict(zip(looks, said, strict=True))

    def _task(self, organization_id: UUID, account_id: UUID) -> "asyncio.Task[str]":
        known = self._looking.get(account_id)
        if known is None:
            known = asyncio.get_running_loop().create_task(self._one(organization_id, account_id))
            self._looking[account_id] = known
            known.add_done_callback(lambda _: self._looking.pop(account_id, None))
        return known

    async def _one(self, organization_id: UUID, account_id: UUID) -> str:
        async with self._at_once:
            try:
                async with asyncio.timeout(LOOK_S):
                    return await self._discoverer.look(organization_id, account_id)
            except (SpotOptimizerError, TimeoutError) as err:
                reason = str(err) or f"took longer than {LOOK_S:.0f} s"
                log.warning("a discovery has failed", account=str(account_id), error=reason)
                return f"failed: {reason}"
