"""Options and settings that the commands of a running platform share."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from adapters.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])

_FOLDER = click.Path(file_okay=False, path_type=Path)


def data_dir_option(command: F) -> F:
    """``--data-dir``: which platform."""
    option = click.option(
        "--data-dir", type=_FOLDER, metavar="FOLDER", help="Where the platform keeps everything.  [~/.spotopt]"
    )
    return option(command)


def json_option(command: F) -> F:
    """``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def settings_with(**given: object) -> "Settings":
    """The settings, with what the command line gives.

    Raises
    ------
    SettingsError
        Naming every setting that is unknown or wrong.
    """
    # They take half a second to import, which --help should not wait for.
    from adapters.settings import load_settings

    return load_settings({name: value for name, value in given.items() if value is not None})
