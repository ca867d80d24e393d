"""``spotopt settings``: everything that can be set, with what it is set to, from where, and why."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from serve.operations.options import data_dir_option, json_option, settings_with

if TYPE_CHECKING:
    from adapters.settings import Settings

MASK = "********"

PREAMBLE = """\
# Settings

Made by `spotopt settings --markdown`; a test keeps it current.

Each setting is read from the first of these that has it: an option of the command line, its environment variable, a
file of its name in the folder that `SPOTOPT_SECRETS_DIR` names, the JSON object in the AWS secret that
`SPOTOPT_AWS_SECRET_ID` names, the YAML file that `SPOTOPT_CONFIG` names, the default. An unknown or a wrong one ends
the start, with its name. `spotopt settings` shows what is set here and now, secrets masked.

| setting | environment variable | default | what and why |
|---|---|---|---|
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One setting."""

    name: str
    variable: str
    value: str
    source: str
    default: str
    description: str


@click.command()
@data_dir_option
@json_option
@click.option("--markdown", is_flag=True, help="Print the reference of all settings, with their defaults.")
def settings(data_dir: Path | None, as_json: bool, markdown: bool) -> None:  # noqa: FBT001  # by name
    """Show all settings: value, source, unit and reason. Secrets are masked."""
    found = rows(settings_with(data_dir=data_dir), os.environ, given={"data_dir": data_dir})
    if markdown:
        click.echo(reference(), nl=False)
    elif as_json:
        content = {row.name: {"value": row.value, "source": row.source, "default": row.default} for row in found}
        click.echo(orjson.dumps(content, option=orjson.OPT_INDENT_2).decode())
    else:
        show(Console(), found)


def rows(settings: "Settings", environment: Mapping[str, str], given: Mapping[str, object]) -> list[Row]:
    """Every setting with its value and, where it can be told, where that came from."""
    return [
        Row(
            name=name,
            variable=_variable(name),
            value=_text(getattr(settings, name)),
            source=_source(name, settings, environment, given),
            default=_default(name),
            description=field.description or "",
        )
        for name, field in type(settings).model_fields.items()
    ]


def show(console: Console, found: list[Row]) -> None:
    """Print them for people."""
    for row in found:
        line = Text(f" {row.name}", style="bold").append(f" = {row.value or '(empty)'}", style="not bold")
        console.print(line.append(f"  {row.source}", style="dim not bold"), soft_wrap=True)
        console.print(Padding(Text(row.description, style="dim"), (0, 1, 0, 4)))


def reference() -> str:
    """All settings with their defaults as a Markdown document; the same on every machine."""
    from adapters.settings import Settings

    lines = [
        f"| `{name}` | `{_variable(name)}` | {_code(_default(name))} | {_cell(field.description or '')} |"
        for name, field in Settings.model_fields.items()
    ]
    return PREAMBLE + "\n".join(lines) + "\n"


def _variable(name: str) -> str:
    from pydantic import AliasChoices

    from adapters.settings import Settings

    alias = Settings.model_fields[name].validation_alias
    if isinstance(alias, AliasChoices):
        return str(alias.choices[0])
    return f"{Settings.model_config['env_prefix']}{name.upper()}"


def _source(name: str, settings: "Settings", environment: Mapping[str, str], given: Mapping[str, object]) -> str:
    if given.get(name) is not None:
        return "command line"
    if name not in settings.model_fields_set:
        return "default"
    folded = {variable.upper() for variable in environment}
    if _variable(name) in folded or f"SPOTOPT_{name.upper()}" in folded:
        return "environment"
    return "file or secret"


def _default(name: str) -> str:
    from adapters.settings import Settings

    return _text(Settings.model_fields[name].default)


def _text(value: Any) -> str:
    from pydantic import SecretStr

    if isinstance(value, SecretStr):
        return MASK if value.get_secret_value() else ""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _code(text: str) -> str:
    return f"`{text}`" if text else "empty"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
