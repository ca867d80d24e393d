"""Server programs inside wheels. The packages are looked at, not imported: on import they warn, patch and start."""

import os
from importlib.util import find_spec
from pathlib import Path

from domain.errors import RejectedError


def bundled_program(package: str, path: str, *, instead: str) -> Path:
    """Find a program.

    Parameters
    ----------
    package
        The package that carries it.
    path
        Where in the package it lies.
    instead
        The setting that names a running server, for the error.

    Raises
    ------
    RejectedError
        The package is missing or has no such program for this machine.
    """
    spec = find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        program = Path(folder) / path
        if os.access(program, os.X_OK):
            return program
    raise RejectedError(f"{package} has no {path} for this machine; give {instead} of a running server")
