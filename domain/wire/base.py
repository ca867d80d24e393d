"""Foundations of all messages: strictness, bounds, and errors that name the field."""

from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    Strict,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)

from domain.errors import InputError
from domain.signing import wire_time

MAX_BODY_BYTES = 16 << 20
"""Longest body as it is sent, gzip or not: a full snapshot of 20 000 pods is about 3 MB as gzip."""

MAX_INFLATED_BYTES = 96 << 20
"""Longest body after decompression; the same snapshot is about 30 MB of JSON."""

MAX_MESSAGE_BYTES = 64 << 10
"""Longest WebSocket message in either direction."""

_NO_NUL = r"^[^\x00]*$"
"""PostgreSQL stores no text with a zero character."""


def _text_only(value: object) -> object:
    if isinstance(value, str) and not value.lstrip("-").isdigit():
        return value
    if isinstance(value, datetime):
        return value
    raise ValueError("must be a time such as 2026-10-01T12:00:00Z")


def _to_utc(value: datetime) -> datetime:
    return value.astimezone(UTC)


Name = Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=_NO_NUL)]
"""A Kubernetes name, an instance id, a version."""

OptionalName = Annotated[str, StringConstraints(max_length=253, pattern=_NO_NUL)]
Text = Annotated[str, StringConstraints(max_length=4096, pattern=_NO_NUL)]
"""A message for people; the sender cuts it."""

Id = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9._:-]+$")]
UtcTime = Annotated[
    AwareDatetime,
    Strict(False),
    BeforeValidator(_text_only),
    AfterValidator(_to_utc),
    PlainSerializer(wire_time, when_used="json"),
]
Count = Annotated[int, Field(ge=0, le=(1 << 63) - 1)]
JsonObject = dict[str, Any]
HexHash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]

Model = TypeVar("Model", bound=BaseModel)
Value = TypeVar("Value")


class WireModel(BaseModel):
    """A message or a part of one: no unknown fields, no silent conversions, never changed."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


def read_message(model: type[Model], raw: bytes | str, *, what: str) -> Model:
    """Read one message from JSON text.

    Parameters
    ----------
    what
        Name of the message in errors: ``"metrics body"``.

    Raises
    ------
    InputError
        When it is no JSON or does not fit; names the first field that is wrong.
    """
    try:
        return model.model_validate_json(raw)
    except ValidationError as err:
        raise input_error(err, what=what) from err


def read_value(adapter: TypeAdapter[Value], raw: bytes | str, *, what: str) -> Value:
    """Like `read_message`, for a union of messages."""
    try:
        return adapter.validate_json(raw)
    except ValidationError as err:
        raise input_error(err, what=what) from err


def input_error(err: ValidationError, *, what: str) -> InputError:
    """Our error for a foreign one: object, path of the first wrong field, what is wrong with it."""
    first = err.errors(include_url=False, include_input=False, include_context=False)[0]
    path = ""
    for part in first["loc"]:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return InputError(what, path, first["msg"].removeprefix("Value error, "))
