"""The folder and the list keep what is sent."""

import email
import email.policy
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.clock import VirtualClock
from adapters.mail.folder import INDEX, FolderMailer
from adapters.mail.memory import MemoryMailer
from adapters.mail.smtp import Security, SmtpServer
from domain.errors import RejectedError, TransientError
from tests.unit.mail.builders import SENDER, make_mail


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(datetime(2026, 3, 1, 12, tzinfo=UTC))


async def test_each_mail_becomes_a_file_and_a_line_of_the_index(tmp_path: Path, clock: VirtualClock) -> None:
    mailer = FolderMailer(tmp_path / "mail", clock, sender=SENDER)
    first = await mailer.send(make_mail(subject="Confirm your e-mail address"))
    await mailer.send(make_mail(to="bob@example.com", subject="Choose a new password"))
    title, *lines = (tmp_path / "mail" / INDEX).read_text().splitlines()
    assert title.split() == ["when", "(UTC)", "to", "subject", "file"]
    assert [line.split()[:3] for line in lines] == [
        ["2026-03-01", "12:00:00", "ada@example.com"],
        ["2026-03-01", "12:00:00", "bob@example.com"],
    ]
    file = tmp_path / "mail" / lines[0].split()[-1]
    read = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    assert (read["Message-ID"], read["Subject"]) == (first, "Confirm your e-mail address")


async def test_mails_are_for_their_owner_alone(tmp_path: Path, clock: VirtualClock) -> None:
    await FolderMailer(tmp_path / "mail", clock, sender=SENDER).send(make_mail())
    paths = [tmp_path / "mail", *(tmp_path / "mail").iterdir()]
    assert [path.stat().st_mode & 0o077 for path in paths] == [0, 0, 0]


async def test_the_twin_keeps_mails_and_raises_what_it_is_told_to(clock: VirtualClock) -> None:
    mailer = MemoryMailer(clock)
    mail = make_mail()
    assert (await mailer.send(mail)).endswith("@example.com>")
    mailer.error = TransientError("away")
    with pytest.raises(TransientError):
        await mailer.send(mail)
    assert mailer.sent == [mail]


def test_a_password_is_never_sent_in_the_clear_nor_shown() -> None:
    with pytest.raises(RejectedError, match="without TLS"):
        SmtpServer(host="mail", security=Security.NONE, user="u", password="secret")
    assert "secret" not in repr(SmtpServer(host="mail", user="u", password="secret"))
