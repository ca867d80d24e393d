"""Agents' keys."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from adapters.postgres.queries import load
from adapters.postgres.repositories.base import Repository
from adapters.postgres.rows import values_of
from domain.fleet import ApiKey, KeyHolder, SealedKey

SQL = load("api_keys")


class PostgresApiKeys(Repository):
    """`adapters.postgres.ports.ApiKeys`."""

    __slots__ = ()

    async def create(self, key: ApiKey, signing: SealedKey) -> None:
        """Keep a key's hash and its sealed signing key."""
        await self._session.run(SQL["create"], values_of(key))
        await self._session.run(SQL["create_signing"], values_of(signing))

    async def find(self, key_hash: bytes) -> KeyHolder | None:
        """Whom a key speaks for."""
        return await self._session.one(KeyHolder, SQL["find"], {"key_hash": key_hash})

    async def of_cluster(self, cluster_id: UUID) -> tuple[ApiKey, ...]:
        """Keys of a cluster, newest first."""
        return await self._session.all(ApiKey, SQL["of_cluster"], {"cluster_id": cluster_id})

    async def revoke(self, key_id: UUID, *, reason: str, now: datetime) -> bool:
        """Make a key void for good."""
        return await self._session.run(SQL["revoke"], {"key_id": key_id, "reason": reason, "now": now}) > 0

    async def touch(self, used: Mapping[UUID, datetime]) -> None:
        """Note when keys were last used."""
        if used:
            await self._session.run(SQL["touch"], {"ids": list(used), "at": list(used.values())})

    async def signing_key(self, cluster_id: UUID, now: datetime) -> SealedKey | None:
        """The sealed signing key that the cluster's agent has."""
        return await self._session.one(SealedKey, SQL["signing_key"], {"cluster_id": cluster_id, "now": now})
