"""Settings from AWS Secrets Manager."""

from collections.abc import Mapping
from typing import Any

import boto3
import yaml
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from domain.errors import InputError, TransientError

CONFIG = Config(connect_timeout=3, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 4})
"""Timeouts in seconds: a start waits for this, and an operator waits for the start."""


def settings_in(secret: str, environment: Mapping[str, str], *, named_by: str) -> dict[str, Any]:
    """A secret whose text is a JSON object of settings. Region and endpoint are those of the environment.

    Parameters
    ----------
    named_by
        The variable that names the secret, for errors.

    Raises
    ------
    InputError
        It cannot be read, or is of another form.
    TransientError
        Secrets Manager is away.
    """
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or "us-east-1"
    client = boto3.client("secretsmanager", region_name=region, config=CONFIG)
    try:
        text = client.get_secret_value(SecretId=secret).get("SecretString", "")
    except ClientError as err:
        code = err.response.get("Error", {}).get("Code", "")
        raise InputError("settings", named_by, f"AWS Secrets Manager refuses {secret} in {region}: {code}") from err
    except BotoCoreError as err:
        raise TransientError(f"AWS Secrets Manager in {region} cannot be asked: {type(err).__name__}") from err
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError:
        content = None
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise InputError("settings", named_by, f"the text of {secret} must be a JSON object of names and values")
    return content
