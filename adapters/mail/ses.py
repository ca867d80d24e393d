"""Mails through Amazon SES."""

import asyncio
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from adapters.clock import Clock
from adapters.mail.mail import Mail, compose
from domain.errors import RejectedError, TransientError

CONFIG = Config(
    connect_timeout=5,
    read_timeout=15,
    retries={"mode": "standard", "total_max_attempts": 4},  # with jitter, of throttling and server errors
)
PASSING = frozenset({"ThrottlingException", "TooManyRequestsException", "LimitExceededException", "RequestTimeout"})
"""Errors that more time cures; the server's own (5xx) do as well."""
SERVER_ERROR = 500


class SesMailer:
    """Sends mails through SES, in a thread.

    Parameters
    ----------
    sender
        Whom mails come from, ``"address"`` or ``"Name <address>"``; verified with SES.
    region
        Where SES is used.
    endpoint_url
        Stands in for AWS in tests.
    """

    def __init__(self, clock: Clock, *, sender: str, region: str, endpoint_url: str | None = None) -> None:
        self._clock = clock
        self._sender = sender
        self._client: Any = boto3.client("sesv2", region_name=region, endpoint_url=endpoint_url, config=CONFIG)

    async def send(self, mail: Mail) -> str:
        """Hand a mail over; SES' message id."""
        return await asyncio.to_thread(self._send, mail)

    def _send(self, mail: Mail) -> str:
        message = compose(mail, sender=self._sender, clock=self._clock)
        try:
            answer = self._client.send_email(
                FromEmailAddress=self._sender,
                Destination={"ToAddresses": [mail.to]},
                Content={"Raw": {"Data": bytes(message)}},
            )
        except ClientError as err:
            raise _translated(err) from err
        except BotoCoreError as err:
            raise TransientError(f"SES is away: {err}") from err
        return str(answer["MessageId"])


def _translated(err: ClientError) -> Exception:
    code = err.response["Error"]["Code"]
    status = err.response["ResponseMetadata"]["HTTPStatusCode"]
    passing = code in PASSING or status >= SERVER_ERROR
    return (TransientError if passing else RejectedError)(f"SES answered {code}: {err}")
