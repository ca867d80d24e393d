"""Signed actions: what the agent may trust.

Each action is bound to its cluster, has an expiry and a nonce, and carries an HMAC-SHA256 over all of it. The key comes
from the agent's token by HKDF (RFC 5869), so both sides have it without ever sending it. Only ``hashlib`` and ``hmac``
are used: the agent's image needs no further package.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from domain.canonical import canonical_json
from domain.errors import RejectedError

ACTION_LIFETIME = timedelta(minutes=5)
"""How long an action may be carried out unless it says otherwise."""

MAX_ACTION_LIFETIME = timedelta(hours=1)
"""Longest expiry that is ever signed: it bounds how long nonces must be remembered."""

_CONTEXT = b"spotopt action signature, version 1\n"
_SALT = b"spotopt agent signing key, version 1"
_KEY_BYTES = 32
_KEY_ID_CHARS = 16


class Refusal(StrEnum):
    """Why an agent does not carry out an action."""

    UNSIGNED = "unsigned"
    ALTERED = "altered"
    EXPIRED = "expired"
    FOREIGN = "foreign"
    REPEATED = "repeated"


class ActionRefusedError(RejectedError):
    """An action that must not be carried out. ``refusal`` tells the cases apart, ``problem`` says it in a sentence."""

    def __init__(self, refusal: Refusal, problem: str) -> None:
        super().__init__(refusal, problem)
        self.refusal = refusal
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.refusal}: {self.problem}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A cluster's key. ``id`` may be told to everybody; ``secret`` is left out of ``repr`` and must not be logged."""

    id: str
    cluster: str
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedAction:
    """An action as it travels. ``signature`` is lower-case hexadecimal, empty while it is not signed.

    ``expires_at`` is UTC, in whole milliseconds when signed. ``payload`` is JSON without fractions: numbers with a
    fraction have more than one spelling.
    """

    cluster: str
    id: str
    type: str
    payload: Mapping[str, Any]
    expires_at: datetime
    nonce: str
    key_id: str = ""
    signature: str = ""


class NonceMemory(Protocol):
    """Remembers nonces of actions that were accepted."""

    def remember(self, nonce: str, *, until: datetime, now: datetime) -> bool:
        """Keep a nonce until it expires; false when it is known already, or when there is no room for it."""


class BoundedNonces:
    """Nonces in memory. When full of nonces that have not expired it takes no more: nothing is accepted unguarded.

    Parameters
    ----------
    capacity
        Nonces kept at once; an agent takes at most 10 actions a poll, each for minutes.
    """

    def __init__(self, capacity: int = 10_000) -> None:
        self._capacity = capacity
        self._until: dict[str, datetime] = {}

    def remember(self, nonce: str, *, until: datetime, now: datetime) -> bool:
        """Keep a nonce until it expires; false when it is known already, or when there is no room for it."""
        if nonce in self._until:
            return False
        if len(self._until) >= self._capacity:
            self._until = {kept: end for kept, end in self._until.items() if end > now}
        if len(self._until) >= self._capacity:
            return False
        self._until[nonce] = until
        return True


def hkdf_sha256(key_material: bytes, *, salt: bytes, info: bytes, length: int) -> bytes:
    """HKDF with SHA-256 (RFC 5869): extract, then expand to ``length`` bytes (1 to 8160)."""
    if not 0 < length <= 255 * hashlib.sha256().digest_size:
        raise ValueError(f"HKDF gives 1 to 8160 bytes, not {length}")
    pseudo_random = _mac(salt or bytes(hashlib.sha256().digest_size), key_material)
    block, output = b"", b""
    counter = 1
    while len(output) < length:
        block = _mac(pseudo_random, block + info + bytes([counter]))
        output += block
        counter += 1
    return output[:length]


def derive_signing_key(token: str, cluster: str) -> SigningKey:
    """The signing key of a cluster from the agent's token, on either side.

    The service does this once, when the token is made: later it has the token's hash only, and the key encrypted.
    """
    if not token or not cluster:
        raise ValueError("a signing key needs a token and a cluster")
    secret = hkdf_sha256(token.encode(), salt=_SALT, info=cluster.encode(), length=_KEY_BYTES)
    return SigningKey(id=key_id_of(secret), cluster=cluster, secret=secret)


def key_id_of(secret: bytes) -> str:
    """Name of a key, made from it and telling nothing about it."""
    return _mac(secret, b"key id").hex()[:_KEY_ID_CHARS]


def sign(action: SignedAction, key: SigningKey, *, now: datetime) -> SignedAction:
    """The action with key id and signature.

    Raises
    ------
    ValueError
        When the action is of another cluster than the key, its expiry is not within the next hour, its nonce is empty,
        or its payload is no JSON without fractions.
    """
    if action.cluster != key.cluster:
        raise ValueError(f"the key of cluster {key.cluster} cannot sign for cluster {action.cluster}")
    if not now < action.expires_at <= now + MAX_ACTION_LIFETIME:
        raise ValueError(f"an action must expire within {MAX_ACTION_LIFETIME} from now, not at {action.expires_at}")
    if not action.nonce:
        raise ValueError("an action needs a nonce")
    _refuse_fractions(action.payload)
    whole = action.expires_at.replace(microsecond=action.expires_at.microsecond // 1000 * 1000)
    unsigned = replace(action, expires_at=whole, key_id=key.id, signature="")
    return replace(unsigned, signature=_mac(key.secret, signed_bytes(unsigned)).hex())


def verify(
    action: SignedAction, keys: Mapping[str, SigningKey], *, cluster: str, now: datetime, nonces: NonceMemory
) -> None:
    """Accept an action once, or say why not.

    Parameters
    ----------
    keys
        Keys by id: the current one, and the one before while a token is being changed.
    cluster
        Own cluster's id.

    Raises
    ------
    ActionRefusedError
        When the action is unsigned, for another cluster or by an unknown key, altered, expired, or was accepted before.
    """
    if not action.signature or not action.key_id or not action.nonce:
        raise ActionRefusedError(Refusal.UNSIGNED, f"action {action.id} carries no signature")
    key = keys.get(action.key_id)
    if action.cluster != cluster or key is None or key.cluster != cluster:
        raise ActionRefusedError(
            Refusal.FOREIGN, f"action {action.id} was signed for another cluster or by another key"
        )
    if not _matches(action, key):
        raise ActionRefusedError(Refusal.ALTERED, f"the signature of action {action.id} does not match its content")
    if action.expires_at <= now:
        raise ActionRefusedError(Refusal.EXPIRED, f"action {action.id} expired at {action.expires_at.isoformat()}")
    if not nonces.remember(action.nonce, until=action.expires_at, now=now):
        raise ActionRefusedError(Refusal.REPEATED, f"action {action.id} was accepted before")


def signed_bytes(action: SignedAction) -> bytes:
    """What the signature is computed over."""
    content = {
        "action_id": action.id,
        "cluster_id": action.cluster,
        "expires_at": wire_time(action.expires_at),
        "key_id": action.key_id,
        "nonce": action.nonce,
        "payload": action.payload,
        "type": action.type,
    }
    return _CONTEXT + canonical_json(content)


def wire_time(moment: datetime) -> str:
    """A time as it is signed: UTC with milliseconds, ``2026-10-01T12:00:00.000Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _matches(action: SignedAction, key: SigningKey) -> bool:
    """Whether the signature is right, in a time that does not depend on where it is wrong."""
    try:
        expected = _mac(key.secret, signed_bytes(action)).hex()
    except ValueError:
        return False
    return hmac.compare_digest(expected.encode(), action.signature.encode("utf-8", "backslashreplace"))


def _mac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()


def _refuse_fractions(value: object) -> None:
    if isinstance(value, float):
        raise ValueError(f"a signed payload holds no fractions, not {value}")
    children = value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else ()
    for child in children:
        _refuse_fractions(child)
