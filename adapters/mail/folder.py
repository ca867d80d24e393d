"""Mails as files, for developing: every mail program opens them."""

import asyncio
import hashlib
from pathlib import Path

from adapters.clock import Clock
from adapters.mail.mail import Mail, compose

INDEX = "index.txt"
TITLE = f"{'when (UTC)':19}  {'to':32}  {'subject':40}  file\n"


class FolderMailer:
    """Writes each mail into a file of its own, and a line into ``index.txt``.

    Parameters
    ----------
    folder
        Made where it is missing. Mails hold links that open accounts: files are readable by their owner alone.
    sender
        Whom mails come from: ``"address"`` or ``"Name <address>"``.
    """

    def __init__(self, folder: Path, clock: Clock, *, sender: str) -> None:
        self._folder = folder
        self._clock = clock
        self._sender = sender

    async def send(self, mail: Mail) -> str:
        """Write a mail; its message id."""
        return await asyncio.to_thread(self._write, mail)

    def _write(self, mail: Mail) -> str:
        message = compose(mail, sender=self._sender, clock=self._clock)
        message_id = str(message["Message-ID"])
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        digest = hashlib.sha256(message_id.encode()).hexdigest()[:8]
        now = self._clock.now()
        path = self._folder / f"{now:%Y%m%d-%H%M%S}-{digest}.eml"
        _append(path, bytes(message))
        index = self._folder / INDEX
        title = "" if index.exists() else TITLE
        line = f"{now:%Y-%m-%d %H:%M:%S}  {mail.to:32}  {mail.subject:40}  {path.name}\n"
        _append(index, (title + line).encode())
        return message_id


def _append(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    with path.open("ab") as file:
        file.write(content)
