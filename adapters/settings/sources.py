"""Where settings come from, besides the environment: a folder of secret files, AWS Secrets Manager, a YAML file."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import yaml
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SecretsSettingsSource

from domain.errors import InputError, TransientError

SECRETS_MANAGER = Config(connect_timeout=3, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 4})
"""Timeouts in seconds: a start waits for this, and an operator waits for the start."""

CONFIG, SECRETS_FOLDER, SECRET_ID = "SPOTOPT_CONFIG", "SPOTOPT_SECRETS_DIR", "SPOTOPT_AWS_SECRET_ID"
"""Variables that say where to look."""


def sources(settings_cls: type[BaseSettings], environment: Mapping[str, str]) -> Iterator[PydanticBaseSettingsSource]:
    """The sources that the environment names, the strongest first."""
    if folder := environment.get(SECRETS_FOLDER):
        if not Path(folder).is_dir():
            raise InputError("settings", SECRETS_FOLDER, f"there is no folder {folder}")
        yield SecretsSettingsSource(settings_cls, secrets_dir=folder, env_prefix="")
    if secret := environment.get(SECRET_ID):
        yield InitSettingsSource(settings_cls, init_kwargs=_from_secrets_manager(secret, environment))
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


def _from_secrets_manager(secret: str, environment: Mapping[str, str]) -> dict[str, Any]:
    """A secret whose text is a JSON object of settings. Region and endpoint are those of the environment."""
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or "us-east-1"
    client = boto3.client("secretsmanager", region_name=region, config=SECRETS_MANAGER)
    try:
        text = client.get_secret_value(SecretId=secret).get("SecretString", "")
    except ClientError as err:
        code = err.response.get("Error", {}).get("Code", "")
        raise InputError("settings", SECRET_ID, f"AWS Secrets Manager refuses {secret} in {region}: {code}") from err
    except BotoCoreError as err:
        raise TransientError(f"AWS Secrets Manager in {region} cannot be asked: {type(err).__name__}") from err
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError:
        content = None
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise InputError("settings", SECRET_ID, f"the text of {secret} must be a JSON object of names and values")
    return content
