"""Sessions begun, continued and ended: tokens, cookies and rows together."""

import hashlib
from datetime import timedelta
from uuid import UUID

from starlette.responses import Response

from adapters.postgres.ids import new_id
from adapters.postgres.ports import Transaction
from domain.tenancy import RefreshToken, User
from serve.auth.changes import AuthChange, Subject
from serve.auth.cookies import set_session
from serve.auth.sessions import TokenPair
from serve.gateway.context import Gateway
from serve.schemas.auth import SessionAnswer, SessionKind


def digest_of(token: str) -> bytes:
    """What is stored of a refresh token."""
    return hashlib.sha256(token.encode()).digest()


async def open_session(tx: Transaction, gateway: Gateway, user: User) -> tuple[UUID, TokenPair]:
    """Begin a session; its id and tokens."""
    session_id, pair = gateway.sessions.open(user)
    await tx.tokens.start_family(refresh_row(gateway, user, session_id, pair))
    return session_id, pair


def refresh_row(gateway: Gateway, user: User, session_id: UUID, pair: TokenPair) -> RefreshToken:
    """What is stored of a refresh token."""
    return RefreshToken(
        id=new_id(),
        family_id=session_id,
        user_id=user.id,
        token_hash=digest_of(pair.refresh),
        created_at=gateway.services.clock.now(),
        expires_at=pair.session_expires_at,
        organization_id=user.organization_id,
    )


async def void_session(gateway: Gateway, session_id: UUID) -> None:
    """Refuse the session's access tokens, the longest lasting of which was made just now, and end its WebSockets."""
    settings, now = gateway.services.settings, gateway.services.clock.now()
    until = now + timedelta(minutes=settings.access_token_min, seconds=1)
    await gateway.services.hub.revoked.revoke(str(session_id), until=until)
    await gateway.forget(AuthChange(subject=Subject.SESSION, id=session_id))


def session_answer(
    gateway: Gateway, response: Response, session: tuple[UUID, TokenPair], kind: SessionKind
) -> SessionAnswer:
    """Hand a session over, in the answer or in cookies."""
    session_id, pair = session
    times = {"expires_at": pair.access_expires_at, "session_expires_at": pair.session_expires_at}
    if kind is SessionKind.BEARER:
        return SessionAnswer(token_type="bearer", access_token=pair.access, refresh_token=pair.refresh, **times)  # noqa: S106
    csrf = gateway.sessions.csrf_of(session_id)
    set_session(response, pair, csrf, now=gateway.services.clock.now(), https=is_https(gateway))
    return SessionAnswer(token_type="cookie", csrf_token=csrf, **times)  # noqa: S106


def is_https(gateway: Gateway) -> bool:
    """Whether users reach us by HTTPS."""
    return gateway.services.settings.url.startswith("https://")
