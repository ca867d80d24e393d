"""Bodies and answers about AWS accounts and what was found in them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints

from domain.fleet import AccountStatus
from serve.schemas.base import Answer, Body

AwsAccountId = Annotated[str, StringConstraints(pattern=r"^[0-9]{12}$"), Field(examples=["111122223333"])]


class LinkAccount(Body):
    """An AWS account is to be linked."""

    aws_account_id: AwsAccountId


class InvitationAnswer(Answer):
    """What the owner of an AWS account needs to let us in.

    ``quick_create_url`` opens the console with all filled in; without one, the file at ``template_url`` is uploaded.
    """

    account_id: UUID
    external_id: str
    role_arn: str
    quick_create_url: str | None
    template_url: str
    steps: list[str]


class VerifyAccount(Body):
    """A role is to be tried: the one that was proposed, or another of the same AWS account."""

    account_id: UUID
    role_arn: Annotated[str, Field(max_length=2_048)] = ""


class PermissionModel(Answer):
    """A right that was tried. ``need`` is ``see`` or ``act``, ``answer`` is ``granted``, ``missing`` or ``unknown``."""

    action: str
    need: str
    why: str
    answer: str
    detail: str


class AccountModel(Answer):
    """A linked AWS account, and what it has last shown.

    ``problem`` is why the last look failed; ``blind`` are regions that could not be seen, and why.
    """

    id: UUID
    aws_account_id: str
    role_arn: str
    external_id: str
    status: AccountStatus
    status_reason: str
    created_at: datetime
    updated_at: datetime
    verified_at: datetime | None = None
    looked_at: datetime | None = None
    problem: str = ""
    blind: Mapping[str, str] = Field(default_factory=dict)
    changes: Mapping[str, int] = Field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    missing: tuple[PermissionModel, ...] = ()

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "7e1f3f0c-6c0e-4f3a-9a53-0f6f1f1a2b3c",
                "aws_account_id": "111122223333",
                "role_arn": "arn:aws:iam::111122223333:role/spot-optimizer",
                "external_id": "spotopt-kW5c0Zl0mYw3…",
                "status": "active",
                "status_reason": "",
                "created_at": "2026-10-01T12:00:00Z",
                "updated_at": "2026-10-01T12:05:00Z",
                "verified_at": "2026-10-01T12:01:00Z",
                "looked_at": "2026-10-01T12:05:00Z",
                "problem": "",
                "blind": {},
                "changes": {"instances added": 2},
                "warnings": [],
                "missing": [],
            }
        }
    )


class VerifyAccountAnswer(Answer):
    """What trying a role has shown. ``may_act`` is false where only advice is possible."""

    account: AccountModel
    lets_in: bool
    may_act: bool
    permissions: list[PermissionModel]


class FoundClusterModel(Answer):
    """An EKS cluster that was found in a linked account. ``cluster_id`` is ours once it is connected."""

    account_id: UUID
    aws_account_id: str
    region: str
    name: str
    status: str
    kubernetes_version: str
    node_count: int
    spot_count: int
    seen_at: datetime
    cluster_id: UUID | None


class DiscoverAnswer(Answer):
    """What discovery has found in all linked accounts, and how it stands with each of them."""

    clusters: list[FoundClusterModel]
    accounts: list[AccountModel]
