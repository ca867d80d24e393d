"""Who may call how often: the limits of settings, asked in one way."""

from starlette.requests import HTTPConnection
from starlette.types import Scope

from adapters.redis.ports import Verdict
from adapters.settings import Settings
from serve.gateway.limits import CallLimits
from serve.gateway.problems import ProblemError
from serve.gateway.requests import info_of


class Admission:
    """Counts calls by address, user, key and attempt to sign in; the tightest verdict is told in the answer."""

    def __init__(self, limits: CallLimits, settings: Settings) -> None:
        self._limits = limits
        self._settings = settings

    async def address(self, scope: Scope) -> None:
        """Count a call of this address, where it is known; every request does."""
        if address := info_of(scope).counted_as:
            await self._count(scope, self._settings.address_rate_limit, "address", address)

    async def user(self, connection: HTTPConnection, user_id: str) -> None:
        """Count a call of somebody who is signed in."""
        await self._count(connection.scope, self._settings.user_rate_limit, "user", user_id)

    async def agent(self, connection: HTTPConnection, key_id: str) -> None:
        """Count a call by an agent's key."""
        await self._count(connection.scope, self._settings.agent_rate_limit, "key", key_id)

    async def sign_in(self, connection: HTTPConnection, account: str = "") -> None:
        """Count an attempt to prove who one is: per address, and per account where one is named."""
        limit = self._settings.sign_in_rate_limit
        if address := info_of(connection.scope).counted_as:
            await self._count(connection.scope, limit, "sign-in-address", address)
        if account:
            await self._count(connection.scope, limit, "sign-in-account", account)

    async def _count(self, scope: Scope, limit: str, name: str, who: str) -> None:
        verdict = await self._limits.hit(limit, name, who)
        info = info_of(scope)
        if info.verdict is None or _share(verdict) < _share(info.verdict):
            info.verdict = verdict
        if not verdict.allowed:
            raise ProblemError(
                429,
                f"more than {limit} calls by this {name.removeprefix('sign-in-')}",
                headers={"Retry-After": str(int(verdict.resets_in_s) + 1)},
            )


def _share(verdict: Verdict) -> float:
    return verdict.remaining / verdict.limit
