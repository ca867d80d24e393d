"""Mails through an SMTP server, over TLS."""

import asyncio
import random
import smtplib
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from enum import StrEnum

from adapters.clock import Clock
from adapters.mail.mail import Mail, compose
from domain.errors import RejectedError, TransientError

TIMEOUT_S = 20.0
"""For each step of the conversation; servers look senders up before they answer."""
TRIES = 3
PAUSE_S = 1.0
"""Before the second try; doubles, and varies by half."""
PERMANENT = 500
"""Answers from here on will not change."""


class Security(StrEnum):
    """How the connection is protected."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"
    """For a server on this machine; passwords are not sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpServer:
    """Where to send to. The user may be empty where the server knows us by address."""

    host: str
    port: int = 587
    security: Security = Security.STARTTLS
    user: str = ""
    password: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if self.security is Security.NONE and self.password:
            raise RejectedError(f"a password for {self.host} is not sent without TLS")


class SmtpMailer:
    """Sends each mail over a connection of its own, in a thread.

    Parameters
    ----------
    server
        Where to send to.
    sender
        Whom mails come from: ``"address"`` or ``"Name <address>"``.
    tls
        Who is trusted; what the system trusts where missing.
    """

    def __init__(self, server: SmtpServer, clock: Clock, *, sender: str, tls: ssl.SSLContext | None = None) -> None:
        self._server = server
        self._clock = clock
        self._sender = sender
        self._tls = tls or ssl.create_default_context()

    async def send(self, mail: Mail) -> str:
        """Hand a mail over; its message id. A retry carries the same one, so that servers drop a second copy."""
        message = compose(mail, sender=self._sender, clock=self._clock)
        pause_s = PAUSE_S
        for _ in range(TRIES - 1):
            try:
                return await self._once(message)
            except TransientError:
                await self._clock.sleep(pause_s * random.uniform(0.5, 1.5))
                pause_s *= 2
        return await self._once(message)

    async def _once(self, message: EmailMessage) -> str:
        try:
            await asyncio.to_thread(self._converse, message)
        except smtplib.SMTPRecipientsRefused as err:
            raise _error(max(code for code, _ in err.recipients.values()), err) from err
        except smtplib.SMTPResponseException as err:
            raise _error(err.smtp_code, err) from err
        except (smtplib.SMTPNotSupportedError, ssl.SSLCertVerificationError) as err:
            raise RejectedError(f"{self._server.host} does not do what its settings say: {err}") from err
        except (smtplib.SMTPException, OSError) as err:
            raise TransientError(f"{self._server.host} is away: {err}") from err
        return str(message["Message-ID"])

    def _converse(self, message: EmailMessage) -> None:
        with self._connected() as connection:
            if self._server.security is Security.STARTTLS:
                connection.starttls(context=self._tls)
            if self._server.user:
                connection.login(self._server.user, self._server.password)
            connection.send_message(message)

    def _connected(self) -> smtplib.SMTP:
        if self._server.security is Security.TLS:
            return smtplib.SMTP_SSL(self._server.host, self._server.port, timeout=TIMEOUT_S, context=self._tls)
        return smtplib.SMTP(self._server.host, self._server.port, timeout=TIMEOUT_S)


def _error(code: int, err: Exception) -> Exception:
    kind = RejectedError if code >= PERMANENT else TransientError
    return kind(f"the mail server answered {code}: {err}")
