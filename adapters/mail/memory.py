"""Mails kept in a list."""

from adapters.clock import Clock
from adapters.mail.mail import Mail, compose


class MemoryMailer:
    """A mailer for unit tests: ``sent`` holds what was handed over; ``error`` is raised instead where it is set."""

    def __init__(self, clock: Clock, *, sender: str = "spotopt@example.com") -> None:
        self._clock = clock
        self._sender = sender
        self.sent: list[Mail] = []
        self.error: Exception | None = None

    async def send(self, mail: Mail) -> str:
        """Keep a mail; its message id."""
        if self.error is not None:
            raise self.error
        message = compose(mail, sender=self._sender, clock=self._clock)
        self.sent.append(mail)
        return str(message["Message-ID"])
