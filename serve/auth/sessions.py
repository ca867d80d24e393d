"""Sessions of people: short access tokens, and refresh tokens that are used once.

Both are JWT signed by HMAC-SHA256, with the id of the key in the header; keys that have been replaced still verify
while they are listed. A session (``sid``) is a family of refresh tokens in the database. It ends at the time that its
first token named, however often it is refreshed.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

import jwt

from adapters.clock import Clock
from adapters.settings import Key, Settings
from domain.tenancy import User

ALGORITHM = "HS256"
ISSUER = "spot-optimizer"
REQUIRED = ["exp", "iat", "iss", "jti", "sid", "sub", "typ", "pwd"]


class TokenUse(StrEnum):
    """What a token is good for; one is never taken for the other."""

    ACCESS = "access"
    REFRESH = "refresh"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a token says. ``password_ms`` is when its owner's password was set, in UNIX ms: a later one voids it."""

    user_id: UUID
    session_id: UUID
    password_ms: int
    expires_at: datetime

    def to_ticket(self) -> dict[str, str]:
        """The same as a one-time ticket carries it."""
        return {
            "user": str(self.user_id),
            "session": str(self.session_id),
            "password_ms": str(self.password_ms),
            "expires": str(int(self.expires_at.timestamp())),
        }

    @classmethod
    def of_ticket(cls, ticket: Mapping[str, str]) -> "Claims":
        """What `to_ticket` wrote."""
        return cls(
            user_id=UUID(ticket["user"]),
            session_id=UUID(ticket["session"]),
            password_ms=int(ticket["password_ms"]),
            expires_at=datetime.fromtimestamp(int(ticket["expires"]), UTC),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPair:
    """What somebody is given who has signed in."""

    access: str
    refresh: str
    access_expires_at: datetime
    session_expires_at: datetime


class Sessions:
    """Issues and reads tokens.

    Parameters
    ----------
    signing_keys
        The current one first.
    """

    def __init__(self, signing_keys: tuple[Key, ...], settings: Settings, clock: Clock) -> None:
        self._keys = {key.id: key.secret for key in signing_keys}
        self._current = signing_keys[0]
        self._access = timedelta(minutes=settings.access_token_min)
        self._session = timedelta(hours=settings.session_h)
        self._clock = clock

    def open(self, user: User) -> tuple[UUID, TokenPair]:
        """Tokens of a new session, and its id."""
        session_id = uuid4()
        return session_id, self._pair(user, session_id, _whole(self._clock.now() + self._session))

    def continued(self, user: User, claims: Claims) -> TokenPair:
        """The next tokens of a session; it ends no later than it would have."""
        return self._pair(user, claims.session_id, claims.expires_at)

    def read(self, token: str, use: TokenUse) -> Claims | None:
        """What a token says, ``None`` when it is not ours, not of this use, or has expired."""
        try:
            key_id = jwt.get_unverified_header(token).get("kid", "")
            secret = self._keys.get(str(key_id))
            if secret is None:
                return None
            claims = jwt.decode(
                token,
                secret,
                algorithms=[ALGORITHM],
                issuer=ISSUER,
                # Expiry is judged below, by the clock that is handed in.
                options={"require": REQUIRED, "verify_exp": False, "verify_iat": False},
            )
            read = _claims(claims)
        except (jwt.InvalidTokenError, ValueError, TypeError):
            return None
        return read if claims["typ"] == use and read.expires_at > self._clock.now() else None

    def csrf_of(self, session_id: UUID) -> str:
        """The token that a page must repeat in a header: bound to the session, so that nobody else can plant one."""
        return hmac.new(self._current.secret, b"csrf\n" + session_id.bytes, hashlib.sha256).hexdigest()

    def csrf_matches(self, session_id: UUID, shown: str) -> bool:
        """Whether the token is the session's, by any key that is listed."""
        return any(
            hmac.compare_digest(hmac.new(secret, b"csrf\n" + session_id.bytes, hashlib.sha256).hexdigest(), shown)
            for secret in self._keys.values()
            if shown.isascii()
        )

    def _pair(self, user: User, session_id: UUID, ends_at: datetime) -> TokenPair:
        access_ends = min(_whole(self._clock.now() + self._access), ends_at)
        return TokenPair(
            access=self._signed(user, session_id, TokenUse.ACCESS, access_ends),
            refresh=self._signed(user, session_id, TokenUse.REFRESH, ends_at),
            access_expires_at=access_ends,
            session_expires_at=ends_at,
        )

    def _signed(self, user: User, session_id: UUID, use: TokenUse, ends_at: datetime) -> str:
        claims = {
            "iss": ISSUER,
            "sub": str(user.id),
            "sid": str(session_id),
            "typ": str(use),
            "jti": uuid4().hex,
            "iat": int(self._clock.now().timestamp()),
            "exp": int(ends_at.timestamp()),
            "pwd": unix_ms(user.password_changed_at),
        }
        return jwt.encode(claims, self._current.secret, algorithm=ALGORITHM, headers={"kid": self._current.id})


def unix_ms(moment: datetime) -> int:
    """Milliseconds since 1970."""
    return int(moment.timestamp() * 1_000)


def _whole(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)


def _claims(claims: dict[str, Any]) -> Claims:
    return Claims(
        user_id=UUID(claims["sub"]),
        session_id=UUID(claims["sid"]),
        password_ms=int(claims["pwd"]),
        expires_at=datetime.fromtimestamp(int(claims["exp"]), UTC),
    )
