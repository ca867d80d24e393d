"""A look at an account as JSON, to be compared with the next one after a restart."""

from pydantic import TypeAdapter, ValidationError

from adapters.aws.ports.discovery import Found
from domain.errors import InputError

_FOUND: TypeAdapter[Found] = TypeAdapter(Found)


def to_json(found: Found) -> bytes:
    """What `from_json` reads."""
    return _FOUND.dump_json(found)


def from_json(stored: bytes) -> Found:
    """A look that `to_json` wrote.

    Raises
    ------
    InputError
        It is not one, or one of another version: discover anew.
    """
    try:
        return _FOUND.validate_json(stored)
    except ValidationError as err:
        first = err.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise InputError("stored discovery", field, first["msg"]) from err
