"""Bytes of model files: of a path, or of the model that the product carries."""

from importlib.resources import files
from pathlib import Path

from domain.errors import InputError

CARRIED = "interruption.txt"
"""The carried model, in this package; ``interruption.md`` is its card."""


def read_model_text(path: Path | None = None, *, most_bytes: int) -> tuple[bytes, str]:
    """The bytes of a model file (``None``: the carried one), and what to call it.

    Raises
    ------
    InputError
        When it cannot be read, or is larger than ``most_bytes``: then it is not read at all.
    """
    if path is None:
        return files("adapters.traces").joinpath(CARRIED).read_bytes(), "the carried model"
    try:
        with path.open("rb") as file:
            data = file.read(most_bytes + 1)
    except OSError as err:
        raise InputError(str(path), "", f"cannot be read: {err.strerror}") from err
    if len(data) > most_bytes:
        raise InputError(str(path), "", f"is larger than {most_bytes >> 20} MiB; no model is")
    return data, str(path)
