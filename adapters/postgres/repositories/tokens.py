"""Refresh tokens, one-time tokens and answers to repeated requests."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from adapters.postgres.ports import Rotation, RotationOutcome
from adapters.postgres.queries import load
from adapters.postgres.repositories.base import Repository
from adapters.postgres.rows import values_of
from domain.tenancy import IdempotentResult, OneTimeToken, RefreshToken, TokenKind

SQL = load("tokens")


class PostgresTokens(Repository):
    """`adapters.postgres.ports.Tokens`."""

    __slots__ = ()

    async def start_family(self, token: RefreshToken) -> None:
        """Keep the first refresh token of a session."""
        await self._session.run(SQL["start_family"], values_of(token))

    async def rotate(self, shown_hash: bytes, successor: RefreshToken, now: datetime) -> Rotation:
        """Use a refresh token and keep its successor. The row is locked, so that of two at once one comes second."""
        shown = await self._session.one(RefreshToken, SQL["show"], {"token_hash": shown_hash})
        if shown is None or shown.revoked_at is not None or shown.expires_at <= now:
            return Rotation(outcome=RotationOutcome.UNKNOWN)
        if shown.used_at is not None:
            await self.revoke_family(shown.family_id, now)
            return Rotation(outcome=RotationOutcome.REUSED, shown=shown)
        await self._session.run(SQL["use"], {"id": shown.id, "now": now})
        await self.start_family(heir(successor, shown))
        return Rotation(outcome=RotationOutcome.ROTATED, shown=shown)

    async def revoke_family(self, family_id: UUID, now: datetime) -> int:
        """End a session."""
        return await self._session.run(SQL["revoke_family"], {"family_id": family_id, "now": now})

    async def revoke_user(self, user_id: UUID, now: datetime) -> int:
        """End all sessions of somebody."""
        return await self._session.run(SQL["revoke_user"], {"user_id": user_id, "now": now})

    async def issue(self, token: OneTimeToken) -> None:
        """Keep a one-time token; earlier ones of its kind are void."""
        await self._session.run(SQL["void_earlier"], values_of(token))
        await self._session.run(SQL["issue"], values_of(token))

    async def redeem(self, kind: TokenKind, token_hash: bytes, now: datetime) -> OneTimeToken | None:
        """Use up a token."""
        values = {"kind": kind, "token_hash": token_hash, "now": now}
        return await self._session.one(OneTimeToken, SQL["redeem"], values)

    async def remember(self, result: IdempotentResult) -> IdempotentResult:
        """Keep the answer to a request, or hear the one that was kept first."""
        if await self._session.run(SQL["remember"], values_of(result)):
            return result
        return await self.recall(result.organization_id, result.key, result.created_at) or result

    async def recall(self, organization_id: UUID, key: str, now: datetime) -> IdempotentResult | None:
        """The answer kept for an idempotency key."""
        values = {"organization_id": organization_id, "key": key, "now": now}
        return await self._session.one(IdempotentResult, SQL["recall"], values)

    async def prune(self, now: datetime) -> int:
        """Delete what has expired."""
        (row,) = await self._session.rows(SQL["prune"], {"now": now})
        return int(row["number"])


def heir(successor: RefreshToken, shown: RefreshToken) -> RefreshToken:
    """The successor as one of the shown token's family."""
    return replace(successor, family_id=shown.family_id, user_id=shown.user_id, organization_id=shown.organization_id)
