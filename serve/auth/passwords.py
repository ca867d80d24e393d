"""Passwords: hashed with Argon2id on a few threads, weak ones refused with a reason."""

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from importlib.resources import files
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from domain.errors import TransientError

MIN_CHARS = 10
MAX_CHARS = 256
"""Far beyond any passphrase; bounds what one attempt costs."""
MEMORY_KIB, PASSES, LANES = 19_456, 2, 1
"""Argon2id with 19 MiB, 2 passes, 1 lane: the least that OWASP's password storage cheat sheet (read 2026-10) asks for.
A sign-in costs about 20 ms of one core, and hashing on two threads 38 MiB."""
THREADS = 2
WAITING = 20
"""Attempts that wait for a thread; the next is asked to come again, so that sign-ins never starve everything else."""

LEAST_UNGUESSED_CHARS = 5
"""Characters that a password must have beside common words, patterns, and figures at its ends."""

_SWAPS = str.maketrans("013457@$!", "oieastasi")
_REPEATED = re.compile(r"(.{1,4}?)\1{2,}")
_ADDED = re.compile(r"^[^a-z@$!]+|[^a-z]+$")
_KEYBOARD = ("abcdefghijklmnopqrstuvwxyz", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qazwsxedcrfvtgb")
_RUNS = tuple(row[i : i + 4] for line in _KEYBOARD for row in (line, line[::-1]) for i in range(len(line) - 3))

Result = TypeVar("Result")


class WeakPasswordError(ValueError):
    """A password that is refused; the message says why."""


class Passwords:
    """Hashes and verifies.

    Parameters
    ----------
    memory_kib
        Memory of one hash; tests take less.
    """

    def __init__(self, *, memory_kib: int = MEMORY_KIB) -> None:
        self._hasher = PasswordHasher(time_cost=PASSES, memory_cost=memory_kib, parallelism=LANES)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="argon2")
        self._under_way = 0
        self._decoy = self._hasher.hash("nobody has this password")

    async def hash(self, password: str) -> str:
        """The hash in its text form.

        Raises
        ------
        TransientError
            Too many attempts are under way.
        """
        return await self._on_thread(lambda: self._hasher.hash(password))

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether the password is right. Takes as long where nobody is stored."""
        matches = await self._on_thread(lambda: self._matches(stored or self._decoy, password))
        return matches and stored is not None

    def needs_rehash(self, stored: str) -> bool:
        """Whether a hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(stored)

    def close(self) -> None:
        """Let the threads go."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _matches(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _on_thread(self, work: Callable[[], Result]) -> Result:
        if self._under_way >= THREADS + WAITING:
            raise TransientError("too many sign-ins at once")
        self._under_way += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._under_way -= 1


def require_strong(password: str, *, email: str = "") -> None:
    """Refuse passwords that are guessed first.

    Raises
    ------
    WeakPasswordError
        Saying why and what would do.
    """
    if len(password) < MIN_CHARS:
        raise WeakPasswordError(f"must have at least {MIN_CHARS} characters")
    if len(password) > MAX_CHARS:
        raise WeakPasswordError(f"must have at most {MAX_CHARS} characters")
    if len(_unguessed(password.lower(), email)) < LEAST_UNGUESSED_CHARS:
        raise WeakPasswordError(
            "is little more than a common word, a pattern or your own name, which are tried first; "
            "take several unrelated words"
        )


@lru_cache(maxsize=1)
def common_words() -> tuple[str, ...]:
    """Words that common passwords are made of, the longest first."""
    text = files("serve.auth").joinpath("common_passwords.txt").read_text(encoding="utf-8")
    return tuple(sorted(set(text.split()), key=len, reverse=True))


def _unguessed(text: str, email: str) -> str:
    """What is left of a password without what guessing programs add, repeat and look up."""
    text = _REPEATED.sub(r"\1", text)
    text = _ADDED.sub("", text).translate(_SWAPS)
    own = [part for part in re.split(r"[^a-z]+", email.lower()) if len(part) >= 4]
    for word in (*own, *common_words()):
        text = text.replace(word, "")
    for run in _RUNS:
        text = text.replace(run, "")
    return text
