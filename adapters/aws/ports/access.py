"""Who we are in a customer's account, where we act, and whether we may."""

import re
from dataclasses import dataclass
from typing import Protocol

_ARN = re.compile(r"arn:(aws|aws-cn|aws-us-gov):iam::([0-9]{12}):role/[\w+=,.@/-]{1,512}")
_EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{2,1224}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """The role by which a customer lets us into an account. ``external_id`` is ours, and no secret by AWS' own word."""

    arn: str
    external_id: str

    def __post_init__(self) -> None:
        if not _ARN.fullmatch(self.arn):
            raise ValueError("arn must be that of a role, such as arn:aws:iam::123456789012:role/spot-optimizer")
        if not _EXTERNAL_ID.fullmatch(self.external_id):
            raise ValueError("external_id must be 2 to 1224 of the characters that STS takes")

    @property
    def account_id(self) -> str:
        """The twelve digits."""
        return self.arn.split(":")[4]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An account and a region: what limits are counted for and changes are bound to."""

    role: Role
    region: str

    def __str__(self) -> str:
        return f"{self.role.account_id} {self.region}"


class Permit(Protocol):
    """Whether a change may be made now. Asked before each, in the innermost layer."""

    async def allows(self, deed: str) -> bool:
        """Whether this may be done for real; what may not is at most tried as a dry run.

        Parameters
        ----------
        deed
            The call that would change something, such as ``ec2:TerminateInstances``.
        """
