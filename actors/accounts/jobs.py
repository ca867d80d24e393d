"""When accounts are looked into: every five minutes, and soon after they were connected."""

from collections.abc import Sequence
from datetime import datetime

from actors.accounts.client import Scouts
from actors.clock.clock import PeriodicJob
from actors.clock.schedule import Period
from actors.services import Services
from domain.fleet import Account, AccountStatus

ROUND_S = 300.0
"""SPEC 4: every 5 minutes."""

NEW_S = 5.0
"""How long somebody who has just connected an account waits at most for the look to begin."""

FAILED_EVERY_S = 3_600.0
"""How often an account that did not let us in is tried again: its owner may have mended it."""


def account_jobs(services: Services, scouts: Scouts) -> tuple[PeriodicJob, ...]:
    """The jobs of discovery (WORK-DISC-01)."""
    rounds = Rounds(services, scouts)
    return (
        PeriodicJob(name="discover accounts", period=Period(every_s=ROUND_S), run=rounds.all),
        PeriodicJob(name="discover new accounts", period=Period(every_s=NEW_S), run=rounds.new),
    )


class Rounds:
    """Which accounts are looked into when."""

    def __init__(self, services: Services, scouts: Scouts) -> None:
        self._services = services
        self._scouts = scouts

    async def all(self, due_at: datetime) -> str:
        """Look into every account that lets us in; once an hour into those as well that did not."""
        stands = [AccountStatus.ACTIVE, AccountStatus.SCANNING]
        if due_at.timestamp() % FAILED_EVERY_S < ROUND_S:
            stands.append(AccountStatus.FAILED)
        return await self._look(await self._accounts(stands))

    async def new(self, _: datetime) -> str:
        """Look into accounts that were verified just now."""
        return await self._look(await self._accounts([AccountStatus.SCANNING]))

    async def _accounts(self, stands: Sequence[AccountStatus]) -> list[Account]:
        async with self._services.database.platform() as tx:
            return [account for status in stands for account in await tx.accounts.with_status(status)]

    async def _look(self, accounts: Sequence[Account]) -> str:
        if not accounts:
            return ""
        said = await self._scouts.look(accounts)
        failed = [words for words in said.values() if words.startswith(("failed", "could not"))]
        return f"looked into {len(said)} accounts" + (f", {len(failed)} in vain: {failed[0]}" if failed else "")
