"""Foundations of HTTP bodies and answers."""

from typing import Annotated, Generic, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

Item = TypeVar("Item")


class Body(BaseModel):
    """What a caller sends: no unknown fields, no silent conversions."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Answer(BaseModel):
    """What a caller is sent."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


class PageAnswer(Answer, Generic[Item]):
    """One page of a list, newest first. ``next`` is the ``cursor`` of the following page, ``null`` on the last one."""

    items: list[Item]
    next: str | None = None


class FieldProblemModel(Answer):
    """One wrong field."""

    field: str
    problem: str
    pointer: str | None = Field(None, description="JSON pointer (RFC 6901) to it, where it is in the body")


class Problem(Answer):
    """An error (RFC 9457). ``type`` is stable and meant for programs, ``detail`` for people.

    ``errors`` names every wrong field, ``field`` the first of them.
    """

    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str
    field: str | None = None
    errors: list[FieldProblemModel] | None = None

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "type": "urn:spotopt:problem:invalid-input",
                "title": "Unprocessable Content",
                "status": 422,
                "detail": "body.email: is no e-mail address",
                "instance": "/api/auth/signup",
                "request_id": "5f2b0c9a1d3e4f60",
                "field": "body.email",
                "errors": [{"field": "body.email", "problem": "is no e-mail address", "pointer": "#/email"}],
            }
        }
    )


class Done(Answer):
    """It is done."""

    success: bool = True


def without_nul(text: str) -> str:
    """Refuse the zero character, which PostgreSQL stores in no text."""
    if "\x00" in text:
        raise ValueError("must not contain the zero character")
    return text


def printable(text: str) -> str:
    """Refuse characters that are no text: names are shown in mails and logs."""
    if not text.isprintable():
        raise ValueError("must be one line of printable characters")
    return text


Label = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), AfterValidator(printable)
]
"""A name that somebody chose."""

Secret = Annotated[str, Field(min_length=1, max_length=4_096), AfterValidator(without_nul)]
