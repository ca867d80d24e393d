"""Where settings come from, besides the environment: a folder of secret files, AWS Secrets Manager, a YAML file."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SecretsSettingsSource

from domain.errors import InputError

CONFIG, SECRETS_FOLDER, SECRET_ID = "SPOTOPT_CONFIG", "SPOTOPT_SECRETS_DIR", "SPOTOPT_AWS_SECRET_ID"
"""Variables that say where to look."""


def sources(settings_cls: type[BaseSettings], environment: Mapping[str, str]) -> Iterator[PydanticBaseSettingsSource]:
    """The sources that the environment names, the strongest first."""
    if folder := environment.get(SECRETS_FOLDER):
        if not Path(folder).is_dir():
            raise InputError("settings", SECRETS_FOLDER, f"there is no folder {folder}")
        yield SecretsSettingsSource(settings_cls, secrets_dir=folder, env_prefix="")
    if secret := environment.get(SECRET_ID):
        # boto3 takes a quarter of a second to load, which a process without this source should not pay.
        from adapters.settings.secrets_manager import settings_in

        yield InitSettingsSource(settings_cls, init_kwargs=settings_in(secret, environment, named_by=SECRET_ID))
    if file := environment.get(CONFIG):
        yield InitSettingsSource(settings_cls, init_kwargs=_from_yaml(Path(file)))


def _from_yaml(file: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as err:
        raise InputError("settings", CONFIG, f"cannot read {file}: {os.strerror(err.errno or 0)}") from err
    except (yaml.YAMLError, UnicodeDecodeError) as err:
        raise InputError("settings", CONFIG, f"{file} is no YAML: {err}") from err
    if content is None:
        return {}
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise InputError("settings", CONFIG, f"{file} must be a mapping of names to values")
    return content
