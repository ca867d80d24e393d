"""A mail, its addresses, and what sends it."""

import re
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr, make_msgid, parseaddr
from typing import Protocol

from adapters.clock import Clock
from domain.errors import InputError

LONGEST_ADDRESS = 254
"""Characters, by RFC 5321; 64 of them before the sign."""
LONGEST_SUBJECT = 200
POLICY = SMTP.clone(cte_type="7bit")
"""Every server passes seven bits on."""

_LOCAL = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"{_LOCAL}@{_LABEL}(?:\.{_LABEL})*")
"""What browsers accept in an e-mail field: narrower than RFC 5322, without quotes, comments and spaces."""


def checked_address(address: str) -> str:
    """The address, if it is one.

    Raises
    ------
    InputError
        It is none, or one that mail servers refuse.
    """
    local = address.partition("@")[0]
    dots = local.startswith(".") or local.endswith(".") or ".." in local
    if len(address) > LONGEST_ADDRESS or dots or not _ADDRESS.fullmatch(address):
        raise InputError("mail", "address", f"{address[:80]!r} is no e-mail address")
    return address


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A mail to one person, as text and as HTML. One line of subject; no line of it can become a header."""

    to: str
    subject: str
    text: str
    html: str

    def __post_init__(self) -> None:
        checked_address(self.to)
        if not self.subject or len(self.subject) > LONGEST_SUBJECT or not self.subject.isprintable():
            raise InputError("mail", "subject", f"one line of up to {LONGEST_SUBJECT} characters is needed")


class Mailer(Protocol):
    """Sends mails."""

    async def send(self, mail: Mail) -> str:
        """Hand a mail over; its message id.

        Raises
        ------
        TransientError
            The server is away or busy; the same call may succeed later.
        RejectedError
            The server refuses this mail or its sender.
        """


def checked_sender(sender: str) -> tuple[str, str]:
    """Name (may be empty) and address of ``"address"`` or ``"Name <address>"``.

    Raises
    ------
    InputError
        It is neither.
    """
    name, address = parseaddr(sender)
    if not sender.isprintable():
        raise InputError("mail", "sender", f"{sender[:80]!r} cannot be printed")
    return name, checked_address(address)


def compose(mail: Mail, *, sender: str, clock: Clock) -> EmailMessage:
    """The mail as it goes over the wire: both forms, with date and message id.

    Parameters
    ----------
    sender
        Whom it comes from, ``"address"`` or ``"Name <address>"``; the domain names the message.
    """
    name, address = checked_sender(sender)
    message = EmailMessage(policy=POLICY)
    message["From"] = formataddr((name, address))
    message["To"] = mail.to
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(clock.now())
    message["Message-ID"] = make_msgid(domain=address.partition("@")[2])
    message["Auto-Submitted"] = "auto-generated"  # so that nobody's holiday answer comes back
    message.set_content(mail.text)
    message.add_alternative(mail.html, subtype="html")
    return message
