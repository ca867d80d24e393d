"""Mails through a real conversation, with TLS, refusals and a busy server."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.clock import SystemClock
from adapters.mail.smtp import Security, SmtpMailer, SmtpServer
from domain.errors import RejectedError, TransientError
from tests.integration.mail import conversation
from tests.unit.mail.builders import SENDER, make_mail


class HurriedClock(SystemClock):
    """Waits for nothing, and remembers for how long it should have."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[conversation.SmtpServer, ssl.SSLContext]]:
    with conversation.serving(tmp_path) as running:
        yield running


@pytest.fixture
def server(served: tuple[conversation.SmtpServer, ssl.SSLContext]) -> conversation.SmtpServer:
    return served[0]


@pytest.fixture
def clock() -> HurriedClock:
    return HurriedClock()


@pytest.fixture
def mailer(served: tuple[conversation.SmtpServer, ssl.SSLContext], clock: HurriedClock) -> SmtpMailer:
    account = SmtpServer(host=conversation.HOST, port=served[0].port, user="platform", password="secret")
    return SmtpMailer(account, clock, sender=SENDER, tls=served[1])


async def test_a_mail_goes_out_over_tls_after_logging_in(server: conversation.SmtpServer, mailer: SmtpMailer) -> None:
    message_id = await mailer.send(make_mail(text="One\n.\nTwo"))
    commands = [line.split()[0].upper() for line in server.heard]
    assert commands == ["EHLO", "STARTTLS", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "QUIT"]
    assert "MAIL FROM:<no-reply@example.com>" in server.heard[4].upper().replace(
        "NO-REPLY@EXAMPLE.COM", "no-reply@example.com"
    )
    (mail,) = server.mails
    assert message_id.encode() in mail


async def test_a_busy_server_is_asked_again_with_the_same_message(
    server: conversation.SmtpServer, mailer: SmtpMailer, clock: HurriedClock
) -> None:
    server.answers["MAIL"] = ["451 busy", "421 too many"]
    message_id = await mailer.send(make_mail())
    assert message_id.encode() in server.mails[0]
    assert len(clock.waits) == 2
    assert 0.5 <= clock.waits[0] <= 1.5
    assert 1.0 <= clock.waits[1] <= 3.0


async def test_a_server_that_stays_busy_is_a_passing_trouble(
    server: conversation.SmtpServer, mailer: SmtpMailer
) -> None:
    server.answers["RCPT"] = ["450 later"] * 5
    with pytest.raises(TransientError, match="450"):
        await mailer.send(make_mail())


@pytest.mark.parametrize(("command", "answer"), [("RCPT", "550 unknown"), ("AUTH", "535 wrong"), ("DATA", "554 spam")])
async def test_a_refusal_is_not_repeated(
    server: conversation.SmtpServer, mailer: SmtpMailer, clock: HurriedClock, command: str, answer: str
) -> None:
    server.answers[command] = [answer] * 2
    with pytest.raises(RejectedError, match=answer[:3]):
        await mailer.send(make_mail())
    assert clock.waits == []


async def test_an_unknown_certificate_ends_the_conversation_before_the_password(
    server: conversation.SmtpServer, clock: HurriedClock
) -> None:
    account = SmtpServer(host=conversation.HOST, port=server.port, user="platform", password="secret")
    with pytest.raises(RejectedError):
        await SmtpMailer(account, clock, sender=SENDER).send(make_mail())
    assert not any(line.startswith("AUTH") for line in server.heard)


async def test_a_server_without_tls_gets_no_password(server: conversation.SmtpServer, mailer: SmtpMailer) -> None:
    server.answers["EHLO"] = ["250 here"] * 2
    with pytest.raises(RejectedError, match="STARTTLS"):
        await mailer.send(make_mail())
    assert not any(line.startswith("AUTH") for line in server.heard)


async def test_a_server_that_is_away_is_a_passing_trouble(clock: HurriedClock) -> None:
    account = SmtpServer(host=conversation.HOST, port=1, security=Security.NONE)
    with pytest.raises(TransientError, match="away"):
        await SmtpMailer(account, clock, sender=SENDER).send(make_mail())
