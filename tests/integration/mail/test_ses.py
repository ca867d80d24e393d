"""Mails through SES, which moto stands in for."""

from collections.abc import Iterator

import pytest
from moto.server import ThreadedMotoServer

from adapters.clock import SystemClock
from adapters.mail.ses import SesMailer
from domain.errors import RejectedError, TransientError
from tests.unit.mail.builders import SENDER, make_mail

REGION = "us-east-1"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")


async def test_a_verified_sender_gets_a_mail_out(endpoint: str) -> None:
    mailer = SesMailer(SystemClock(), sender=SENDER, region=REGION, endpoint_url=endpoint)
    mailer._client.create_email_identity(EmailIdentity="no-reply@example.com")
    assert await mailer.send(make_mail())


async def test_an_unverified_sender_is_refused(endpoint: str) -> None:
    mailer = SesMailer(SystemClock(), sender="stranger@example.org", region=REGION, endpoint_url=endpoint)
    with pytest.raises(RejectedError, match="MessageRejected"):
        await mailer.send(make_mail())


async def test_ses_away_is_a_passing_trouble() -> None:
    mailer = SesMailer(SystemClock(), sender=SENDER, region=REGION, endpoint_url="http://127.0.0.1:1")
    with pytest.raises(TransientError, match="away"):
        await mailer.send(make_mail())
