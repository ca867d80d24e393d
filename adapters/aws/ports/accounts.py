"""Linking an AWS account: what the customer creates, and whether it lets us do what we need."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from adapters.aws.ports.access import Role


class Need(StrEnum):
    """What a permission is for. Without ``ACT`` a cluster can be watched and advised, not changed."""

    SEE = "see"
    ACT = "act"


class Answer(StrEnum):
    """What trying a permission has shown."""

    GRANTED = "granted"
    MISSING = "missing"
    UNKNOWN = "unknown"
    """It cannot be tried without changing something, and AWS does not tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """One right that the role should give. ``action`` is IAM's name of it, ``why`` a sentence for its owner."""

    action: str
    need: Need
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """A permission and what trying it has shown; ``detail`` is what AWS said."""

    permission: Permission
    answer: Answer
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """Whether a role lets us in, and what it lets us do.

    Parameters
    ----------
    problem
        Why it does not let us in, empty when it does.
    warnings
        What its owner should put right although it lets us in.
    """

    role: Role
    tried: tuple[Tried, ...] = ()
    problem: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def lets_in(self) -> bool:
        """Whether we could sign in."""
        return not self.problem

    @property
    def missing(self) -> tuple[Permission, ...]:
        """Permissions that the role should give and does not."""
        return tuple(tried.permission for tried in self.tried if tried.answer is Answer.MISSING)

    def is_enough_to(self, need: Need) -> bool:
        """Whether nothing of that kind is missing."""
        return self.lets_in and not any(permission.need is need for permission in self.missing)


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """What a customer needs to let us in.

    Parameters
    ----------
    external_id
        Made by us for this one link: proves to the role that we come for this customer.
    template
        The CloudFormation template, as text.
    quick_create_url
        Opens the console with all filled in, empty where no address is set at which AWS finds the template.
    role_arn
        What the role will be called.
    steps
        What to do, in order.
    """

    external_id: str
    template: str
    quick_create_url: str
    role_arn: str
    steps: tuple[str, ...]


class AccountAccess(Protocol):
    """Access to customers' accounts."""

    def invite(self, aws_account_id: str, *, external_id: str = "") -> Invitation:
        """What to give a customer; an external id made before is kept, so that a second look changes nothing.

        Raises
        ------
        RejectedError
            It is no account id.
        """

    async def verify(self, role: Role, *, regions: Sequence[str]) -> Verification:
        """Sign in and try each permission, by harmless reads and dry runs. A refusal is an answer, not an error.

        Raises
        ------
        TransientError
            AWS cannot be asked now.
        """

    def forget(self, role: Role) -> None:
        """Drop what is held of an account that was disconnected: its sessions end within a quarter of an hour."""
