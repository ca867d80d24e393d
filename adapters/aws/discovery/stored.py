"""A cluster as it was found, as JSON: compared with the next look after a restart, and launched from."""

from pydantic import TypeAdapter, ValidationError

from adapters.aws.ports.discovery import FoundCluster
from domain.errors import InputError

_CLUSTER: TypeAdapter[FoundCluster] = TypeAdapter(FoundCluster)


def to_json(found: FoundCluster) -> bytes:
    """What `from_json` reads."""
    return _CLUSTER.dump_json(found)


def from_json(stored: bytes) -> FoundCluster:
    """A cluster that `to_json` wrote.

    Raises
    ------
    InputError
        It is not one, or one of another version: discover anew.
    """
    try:
        return _CLUSTER.validate_json(stored)
    except ValidationError as err:
        first = err.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise InputError("stored discovery", field, first["msg"]) from err
