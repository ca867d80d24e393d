"""On whose behalf a call of AWS is made: set around the call, read by everything below it."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum

from adapters.aws.ports.access import Permit, Role
from domain.errors import InvariantError

OWN = "own"
"""Stands for our own account in lanes and buckets."""


class Scope(StrEnum):
    """What a session may do, at most."""

    READ = "read"
    CHANGE = "change"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """An account, and what may be done there. Without a role it is our own; without a permit nothing is changed."""

    role: Role | None
    scope: Scope = Scope.READ
    permit: Permit | None = None

    @property
    def account(self) -> str:
        """What limits are counted for."""
        return OWN if self.role is None else self.role.account_id


_CALLER: ContextVar[Caller | None] = ContextVar("aws_caller", default=None)


@contextmanager
def calling(caller: Caller) -> Iterator[None]:
    """Make calls on behalf of somebody."""
    token = _CALLER.set(caller)
    try:
        yield
    finally:
        _CALLER.reset(token)


def current() -> Caller:
    """On whose behalf the call under way is made.

    Raises
    ------
    InvariantError
        Nobody said so: a client was used past `clients.Clients`.
    """
    caller = _CALLER.get()
    if caller is None:
        raise InvariantError("AWS is called on nobody's behalf")
    return caller
