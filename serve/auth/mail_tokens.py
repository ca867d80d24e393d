"""One-time tokens that travel by mail: to confirm an address, to reset a password, to accept an invitation."""

import asyncio
import hashlib
import logging
import secrets
from datetime import timedelta

from adapters.mail.mail import Mail, Mailer
from adapters.mail.templates import confirm_mail, reset_mail
from adapters.postgres.ids import new_id
from adapters.postgres.ports import Transaction
from domain.errors import RejectedError, TransientError
from domain.tenancy import OneTimeToken, TokenKind, User
from serve.gateway.context import Gateway

CONFIRM_VALID = timedelta(hours=48)
RESET_VALID = timedelta(minutes=30)
MAIL_TRIES = 3
MAIL_PAUSE_S = 2.0

_logger = logging.getLogger(__name__)
_under_way: set[asyncio.Task[None]] = set()


def digest_of(token: str) -> bytes:
    """What is stored of a token."""
    return hashlib.sha256(token.encode()).digest()


async def confirmation(tx: Transaction, gateway: Gateway, user: User) -> Mail:
    """A fresh token to confirm an address, as a mail."""
    token = await _issue(tx, gateway, user, TokenKind.CONFIRM, CONFIRM_VALID)
    url = f"{gateway.services.settings.url}/confirm?token={token}"
    return confirm_mail(user.email, url=url, valid_h=int(CONFIRM_VALID.total_seconds() // 3_600))


async def reset(tx: Transaction, gateway: Gateway, user: User) -> Mail:
    """A fresh token to reset a password, as a mail."""
    token = await _issue(tx, gateway, user, TokenKind.RESET, RESET_VALID)
    url = f"{gateway.services.settings.url}/reset?token={token}"
    return reset_mail(user.email, url=url, valid_min=int(RESET_VALID.total_seconds() // 60))


def post(gateway: Gateway, mail: Mail) -> None:
    """Send a mail beside the request, so that how long it takes tells nobody whether the address is known."""
    task = asyncio.create_task(_send(gateway.mailer, mail, gateway))
    _under_way.add(task)
    task.add_done_callback(_under_way.discard)


async def _issue(tx: Transaction, gateway: Gateway, user: User, kind: TokenKind, valid: timedelta) -> str:
    token, now = secrets.token_urlsafe(32), gateway.services.clock.now()
    await tx.tokens.issue(
        OneTimeToken(
            id=new_id(),
            kind=kind,
            token_hash=digest_of(token),
            email=user.email,
            created_at=now,
            expires_at=now + valid,
            user_id=user.id,
            organization_id=user.organization_id,
        )
    )
    return token


async def _send(mailer: Mailer, mail: Mail, gateway: Gateway) -> None:
    for attempt in range(1, MAIL_TRIES + 1):
        try:
            await mailer.send(mail)
        except TransientError as err:
            _logger.warning("a mail could not be sent, try %d of %d: %s", attempt, MAIL_TRIES, err)
            await gateway.services.clock.sleep(MAIL_PAUSE_S * attempt)
        except RejectedError:
            _logger.exception("a mail was refused by the mail server")
            return
        else:
            return
