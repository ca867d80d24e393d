"""Bodies and answers of sign-up, sign-in and what belongs to them."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field

from adapters.mail.mail import checked_address
from domain.errors import InputError
from domain.tenancy import OrganizationRole, UserRole
from serve.schemas.base import Answer, Body, Label, Secret


def _lower_address(text: str) -> str:
    try:
        return checked_address(text.strip()).lower()
    except InputError as err:
        raise ValueError("is no e-mail address") from err


Email = Annotated[str, Field(max_length=254, examples=["ada@example.com"]), AfterValidator(_lower_address)]
Password = Annotated[Secret, Field(examples=["four unrelated words here"])]
MailToken = Annotated[str, Field(min_length=20, max_length=100, pattern=r"^[A-Za-z0-9_-]+$")]


class SessionKind(StrEnum):
    """Where the tokens of a session are kept: by the caller, or in cookies that scripts cannot read."""

    BEARER = "bearer"
    COOKIE = "cookie"


class SignUp(Body):
    """Somebody new, with an organisation of their own."""

    email: Email
    password: Password
    organization: Annotated[Label, Field(examples=["Example Ltd"])]
    name: Annotated[str, Field(max_length=100)] = ""
    session: SessionKind = SessionKind.BEARER


class SignIn(Body):
    """Somebody who comes back."""

    email: Email
    password: Password
    session: SessionKind = SessionKind.BEARER


class Refresh(Body):
    """The next tokens of a session; without a token the one in the cookie is used."""

    refresh_token: Annotated[str, Field(max_length=4_096)] | None = None


class SessionAnswer(Answer):
    """A session. In cookies, the tokens are absent and ``csrf_token`` is there."""

    token_type: Literal["bearer", "cookie"]
    access_token: str | None = None
    refresh_token: str | None = None
    csrf_token: str | None = None
    expires_at: datetime = Field(description="when the access token ends (UTC)")
    session_expires_at: datetime = Field(description="when one must sign in anew (UTC)")


class SignUpAnswer(Answer):
    """Somebody new. Without a session where the address must be confirmed first."""

    user_id: UUID
    organization_id: UUID
    confirmation_sent: bool
    session: SessionAnswer | None = None


class UserModel(Answer):
    """Somebody."""

    id: UUID
    email: str
    name: str
    role: UserRole
    organization_role: OrganizationRole | None
    email_confirmed: bool


class OrganizationModel(Answer):
    """An organisation."""

    id: UUID
    name: str


class Me(Answer):
    """Who is signed in, and where the portal should go next."""

    user: UserModel
    organization: OrganizationModel | None
    next: Literal["onboarding", "dashboard", "admin"]

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "user": {
                    "id": "0b7d0a52-5f0f-4f5e-8f43-5a3f0f2e9d11",
                    "email": "ada@example.com",
                    "name": "Ada",
                    "role": "client",
                    "organization_role": "owner",
                    "email_confirmed": True,
                },
                "organization": {"id": "f5f6f3ab-7d0c-4d7c-9a1e-0f8f3f1f7a10", "name": "Example Ltd"},
                "next": "dashboard",
            }
        }
    )


class ResetRequest(Body):
    """Somebody has forgotten their password."""

    email: Email


class ResetConfirm(Body):
    """A new password, with the token from the mail."""

    token: MailToken
    password: Password


class PasswordChange(Body):
    """A new password, with the old one."""

    current: Secret
    password: Password


class MailTokenBody(Body):
    """A token from a mail."""

    token: MailToken


class InviteAccept(Body):
    """Somebody who was invited."""

    token: MailToken
    password: Password
    name: Annotated[str, Field(max_length=100)] = ""
    session: SessionKind = SessionKind.BEARER


class TicketRequest(Body):
    """A ticket is wanted for one WebSocket."""

    opens: Annotated[
        str, Field(max_length=200, pattern=r"^/api/[a-zA-Z0-9/_-]+$", examples=["/api/clusters/heartbeat"])
    ]


class TicketAnswer(Answer):
    """A ticket: add it to the WebSocket's address as ``?ticket=…`` within ``expires_in_s`` seconds. It works once."""

    ticket: str
    expires_in_s: float
