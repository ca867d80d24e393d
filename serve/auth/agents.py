"""Agents' keys: made, and found again from what an agent shows."""

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from adapters.clock import Clock
from adapters.postgres.ids import new_id
from adapters.postgres.ports import Database
from adapters.settings import Keys
from domain.fleet import KEY_PREFIX_CHARS, ApiKey, KeyHolder, SealedKey
from domain.signing import derive_signing_key
from serve.auth.changes import AuthChange, Subject
from serve.auth.remembered import Remembered

KEY_MARK = "so_"
"""What keys begin with, so that people and secret scanners know them."""
SECRET_BYTES = 32
REMEMBERED_S = 10.0
"""How long a key is believed without asking: revocations are told at once, this is for when the telling is lost."""
REMEMBERED_KEYS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key at the only moment when it is known in full."""

    token: str = field(repr=False)
    key: ApiKey
    signing: SealedKey


def make_key(
    keys: Keys, *, organization_id: UUID, cluster_id: UUID, label: str, now: datetime, expires_at: datetime | None
) -> NewKey:
    """Draw a key, and derive and seal the signing key that goes with it."""
    token = KEY_MARK + secrets.token_urlsafe(SECRET_BYTES)
    signing = derive_signing_key(token, str(cluster_id))
    key = ApiKey(
        id=new_id(),
        organization_id=organization_id,
        cluster_id=cluster_id,
        key_hash=digest_of(token),
        prefix=token[:KEY_PREFIX_CHARS],
        label=label,
        created_at=now,
        expires_at=expires_at,
    )
    sealed = SealedKey(
        api_key_id=key.id,
        organization_id=organization_id,
        cluster_id=cluster_id,
        key_id=signing.id,
        sealed=keys.encrypt(signing.secret),
        created_at=now,
    )
    return NewKey(token=token, key=key, signing=sealed)


def digest_of(token: str) -> bytes:
    """What is stored of a token. A plain SHA-256 will do: there is nothing to guess in 32 random bytes."""
    return hashlib.sha256(token.encode()).digest()


class AgentKeys:
    """Finds whom a key speaks for, from memory where it was asked a moment ago."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._holders: Remembered[bytes, KeyHolder] = Remembered(
            self._find, clock, ttl_s=REMEMBERED_S, capacity=REMEMBERED_KEYS
        )

    async def holder(self, token: str) -> KeyHolder | None:
        """Whom the key speaks for, ``None`` when it opens nothing."""
        if not token.startswith(KEY_MARK):
            return None
        holder = await self._holders.get(digest_of(token))
        return holder if holder is not None and holder.is_valid(self._clock.now()) else None

    def changed(self, change: AuthChange) -> None:
        """Forget whom the change concerns."""
        names = {
            Subject.KEY: lambda holder: holder.api_key_id,
            Subject.CLUSTER: lambda holder: holder.cluster_id,
            Subject.ORGANIZATION: lambda holder: holder.organization_id,
        }
        if name := names.get(change.subject):
            self._holders.forget(lambda holder: name(holder) == change.id)

    def clear(self) -> None:
        """Forget everything."""
        self._holders.clear()

    async def _find(self, digest: bytes) -> KeyHolder | None:
        async with self._database.single() as tx:
            return await tx.api_keys.find(digest)
