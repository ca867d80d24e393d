"""A decision as JSON, to be kept with its plan."""

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from domain.errors import InputError
from solvers.decision import Decision

_ADAPTER: TypeAdapter[Decision] = TypeAdapter(Decision)


def decision_to_json(decision: Decision) -> dict[str, Any]:
    """What `decision_from_json` reads."""
    plain: dict[str, Any] = _ADAPTER.dump_python(decision, mode="json")
    return plain


def decision_from_json(stored: Mapping[str, object]) -> Decision:
    """A decision from storage.

    Raises
    ------
    InputError
        When it is damaged or was written by another program.
    """
    try:
        return _ADAPTER.validate_python(stored)
    except ValidationError as err:
        raise InputError("stored decision", "", f"is damaged: {err.error_count()} errors") from err
