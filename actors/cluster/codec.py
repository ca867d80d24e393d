"""A cluster's state as JSON, with a version."""

from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError

from actors.cluster.state import ClusterState
from domain.errors import InputError

FORMAT = 1
"""Raised when an older program would misread the state; fields with a default may be added without."""

_ADAPTER: TypeAdapter[ClusterState] = TypeAdapter(ClusterState)


def to_json(state: ClusterState) -> bytes:
    """The state as it is stored."""
    return orjson.dumps({"version": FORMAT, "state": _ADAPTER.dump_python(state, mode="json")})


def from_json(stored: bytes | str) -> ClusterState:
    """A state from storage.

    Raises
    ------
    InputError
        When it is damaged or was written by a newer program.
    """
    try:
        document: Any = orjson.loads(stored)
        if not isinstance(document, dict) or document.get("version") != FORMAT:
            raise InputError("stored cluster", "version", f"must be {FORMAT}; a newer program may have written it")
        return _ADAPTER.validate_python(document["state"])
    except (orjson.JSONDecodeError, KeyError, ValidationError) as err:
        raise InputError("stored cluster", "", f"is damaged: {err}") from err
