"""What a run was made of: enough to make it again, and to tell whether two runs are the same."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import orjson

from domain.errors import InputError

FORMAT = 1
PACKAGES = ("spot-optimizer", "numpy", "scipy", "ortools", "numba", "lightgbm", "ray")
"""Packages whose release may change a result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A run, told apart from others.

    Parameters
    ----------
    scenario
        As it was checked, with all defaults.
    data
        SHA-256 of each file that it names, by its path in the data folder.
    packages
        Releases with which it was begun; another release may give other bytes, and is no hindrance to going on.
    """

    scenario: Mapping[str, Any]
    replications: int
    batch: int
    data: Mapping[str, str]
    packages: Mapping[str, str] = field(default_factory=dict)
    format: int = FORMAT

    def as_bytes(self) -> bytes:
        """As it is stored."""
        return orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n"

    def same_run(self, other: "Manifest") -> bool:
        """Whether what one has done the other can go on with; more replications are no other run."""
        mine, theirs = ((m.scenario, m.batch, m.data, m.format) for m in (self, other))
        return orjson.dumps(mine, option=orjson.OPT_SORT_KEYS) == orjson.dumps(theirs, option=orjson.OPT_SORT_KEYS)


def read_manifest(path: Path) -> Manifest:
    """A stored manifest.

    Raises
    ------
    InputError
        When it cannot be read, or is none.
    """
    try:
        return Manifest(**orjson.loads(path.read_bytes()))
    except OSError as err:
        raise InputError(str(path), "", f"cannot be read: {err.strerror}") from err
    except (orjson.JSONDecodeError, TypeError) as err:
        raise InputError(str(path), "", f"is no manifest of a run: {err}") from err


def packages() -> dict[str, str]:
    """Releases of what results depend on."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def digest_of_files(folder: Path, named: Iterable[str]) -> dict[str, str]:
    """SHA-256 of files by their path in a folder; a folder stands for all files in it.

    Raises
    ------
    InputError
        When one is not there.
    """
    digests: dict[str, str] = {}
    for name in named:
        path = folder / name
        if not path.exists():
            raise InputError(str(path), "", "is not there; --data names the folder that paths in a scenario begin at")
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                digests[str(file.relative_to(folder))] = hashlib.sha256(file.read_bytes()).hexdigest()
    return digests
