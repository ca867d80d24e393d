"""A saga's specification as JSON, with a version."""

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from domain.errors import InputError
from domain.saga import SagaSpec

FORMAT = 1
"""Raised when an older program would misread a specification; fields with a default may be added without."""

_ADAPTER: TypeAdapter[SagaSpec] = TypeAdapter(SagaSpec)


def to_body(spec: SagaSpec) -> dict[str, Any]:
    """The specification as it is stored."""
    return {"version": FORMAT, "spec": _ADAPTER.dump_python(spec, mode="json")}


def from_body(body: Mapping[str, object]) -> SagaSpec:
    """A specification from storage.

    Raises
    ------
    InputError
        When it is damaged or was written by a newer program.
    """
    if body.get("version") != FORMAT:
        raise InputError("stored saga", "version", f"must be {FORMAT}; a newer program may have written it")
    try:
        return _ADAPTER.validate_python(body.get("spec"))
    except ValidationError as err:
        raise InputError("stored saga", "spec", f"is damaged: {err}") from err
