"""What an operator may set, each with its unit and the reason for its default.

Read, the first found winning, from: environment variables (``SPOTOPT_…``; ``DATABASE_URL``, ``REDIS_URL`` and
``RAY_ADDRESS`` without the prefix), a folder of secret files, AWS Secrets Manager, a YAML file.
"""

import os
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from adapters.settings.sources import CONFIG, SECRET_ID, SECRETS_FOLDER, sources
from domain.errors import RejectedError

PREFIX = "SPOTOPT_"
NOT_SETTINGS = frozenset({CONFIG, SECRETS_FOLDER, SECRET_ID, f"{PREFIX}DATA"})
"""Variables with the prefix that are no settings: they say where settings are, and where the tests' data is."""


class MailBackend(StrEnum):
    """How e-mails leave."""

    FOLDER = "folder"
    SMTP = "smtp"
    SES = "ses"


class LogFormat(StrEnum):
    """How log lines look."""

    JSON = "json"
    CONSOLE = "console"


class Settings(BaseSettings):
    """All settings. An unknown or bad one is refused with its name; see ``load_settings``."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True, validate_default=True)

    data_dir: Path = Field(
        Path("~/.spotopt"),
        description="Folder of what lives on this machine: embedded databases, keys, logs. One platform uses it at a "
        "time. In the home folder, since the databases must outlive a temporary one.",
    )
    host: str = Field(
        "127.0.0.1",
        description="Address that the HTTP port listens on. Loopback unless somebody opens it: there is no TLS here.",
    )
    port: int = Field(8080, ge=1, le=65_535, description="HTTP port of portal, API and WebSockets.")
    dashboard_port: int = Field(8265, ge=1, le=65_535, description="Port of the Ray dashboard, on loopback. Ray's own.")
    public_url: str = Field(
        "", description="URL under which users reach the platform, for links in e-mails; empty: http://host:port."
    )
    database_url: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("DATABASE_URL", f"{PREFIX}DATABASE_URL", "database_url"),
        description="PostgreSQL, as its owner (it runs migrations); left out: an embedded one in data_dir.",
    )
    redis_url: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("REDIS_URL", f"{PREFIX}REDIS_URL", "redis_url"),
        description="Redis; left out: an embedded one in data_dir.",
    )
    ray_address: str = Field(
        "",
        validation_alias=AliasChoices("RAY_ADDRESS", f"{PREFIX}RAY_ADDRESS", "ray_address"),
        description="A Ray cluster to join; empty: a local one is started.",
    )
    database_connections: int = Field(
        10, ge=2, le=200, description="Connections to PostgreSQL per process. A gateway replica keeps about 6 busy."
    )
    gateway_replicas: int = Field(
        2, ge=1, le=64, description="Gateway replicas to begin with: one may die without anybody noticing."
    )
    gateway_replicas_max: int = Field(8, ge=1, le=256, description="Gateway replicas under load, at most.")
    cluster_hosts: int = Field(
        2, ge=1, le=256, description="Processes that host clusters: about one per core that is not needed for planning."
    )
    event_consumers: int = Field(
        2, ge=1, le=64, description="Tasks that handle agents' events; one dying leaves the other at work."
    )
    solver_slots: int = Field(
        2, ge=1, le=1_024, description="Plans computed at once. One of them is kept free for interruptions from 2 up."
    )
    plan_time_limit_s: float = Field(
        30.0, gt=0, le=3_600, description="Seconds for a routine plan: the gap rarely shrinks after that."
    )
    interruption_plan_time_limit_s: float = Field(
        1.0,
        gt=0,
        le=60,
        description="Seconds for a replacement plan: nodes are gone after 120 s, so speed counts most.",
    )
    snapshot_max_age_s: float = Field(
        300.0, gt=0, description="Older snapshots are not planned from: an agent sends one every 30 s."
    )
    cluster_idle_s: float = Field(
        600.0, gt=0, description="A cluster unheard of for so long is put to sleep and its memory given back."
    )
    optimization_interval_s: float = Field(
        900.0,
        ge=0,
        le=604_800,
        description="Seconds after which a cluster that nobody has had planned is planned by itself; 0 for never. What "
        "becomes of the plan is the mode of the cluster.",
    )
    plan_retention_days: float = Field(
        7.0,
        ge=1,
        le=3_650,
        description="Days that plans which nobody has accepted are kept, and jobs after their end. Plans that were "
        "accepted stay.",
    )
    saga_retention_days: float = Field(
        90.0,
        ge=2,
        le=3_650,
        description="Days that the steps of a plan are kept after its end: a quarter can be looked back upon, and "
        "decisions look back a day. Where a node that it launched still runs, they stay as long as that node.",
    )
    session_h: float = Field(24.0, gt=0, le=720, description="Hours that a portal session lasts (SPEC 7).")
    access_token_min: float = Field(
        15.0,
        gt=0,
        le=1_440,
        description="Minutes that an access token lasts before it is refreshed: what a thief gets.",
    )
    confirmation_required: bool = Field(
        False, description="Whether an e-mail address must be confirmed before signing in. Off: mail may not be set up."
    )
    max_body_bytes: int = Field(
        96 * 2**20,
        ge=2**16,
        le=2**28,
        description="Largest body of an agent, unpacked: what the protocol promises. 3 000 pods take about 3 MB.",
    )
    user_rate_limit: str = Field("600/minute", description="Calls per user. A busy portal page makes about 30.")
    agent_rate_limit: str = Field("600/minute", description="Calls per agent key. A busy agent makes about 60.")
    address_rate_limit: str = Field("6000/minute", description="Calls per client address: many may share one.")
    sign_in_rate_limit: str = Field("10/minute", description="Attempts to sign in per address and per account.")
    cors_origins: tuple[str, ...] = Field((), description="Web origins other than our own that may call the API.")
    trusted_proxies: tuple[str, ...] = Field(
        ("127.0.0.1", "::1"), description="Addresses whose X-Forwarded-For is believed: our own proxy is on loopback."
    )
    session_keys: SecretStr = Field(
        SecretStr(""),
        description="Keys that sign session tokens, base64 of 32 bytes each, the current one first, between commas; "
        "empty: made on the first start and kept in data_dir.",
    )
    encryption_keys: SecretStr = Field(
        SecretStr(""),
        description="Keys that encrypt secrets in the database, in the same form; what an older key encrypted stays "
        "readable while it is listed.",
    )
    mail_backend: MailBackend = Field(
        MailBackend.FOLDER, description="folder (files under data_dir, nothing leaves), smtp or ses."
    )
    mail_from: str = Field(
        "Spot Optimizer <no-reply@localhost>", description="Sender of e-mails; SES wants a verified one."
    )
    smtp_host: str = Field("", description="Mail server, for mail_backend smtp.")
    smtp_port: int = Field(587, ge=1, le=65_535, description="Port of that server; 587 is submission with STARTTLS.")
    smtp_user: str = Field("", description="User at the mail server; empty: no log-in.")
    smtp_password: SecretStr = Field(SecretStr(""), description="Password at the mail server.")
    aws_region: str = Field(
        "us-east-1",
        pattern="^[a-z]{2}(-[a-z]+)+-[0-9]$",
        description="Region of our own calls (SES, Secrets Manager, STS), and of the stacks that customers create.",
    )
    aws_account_id: str = Field(
        "",
        pattern="^([0-9]{12})?$",
        description="AWS account that this platform runs in, 12 digits: the only one that customers' roles let in. "
        "Empty: no account can be linked.",
    )
    aws_template_url: str = Field(
        "",
        description="Where CloudFormation finds the template that customers create their role from: it reads from S3 "
        "only. Empty: they upload the file that /api/connect/template.yaml serves.",
    )
    aws_endpoint_url: str = Field(
        "", description="Stands in for all of AWS in tests and demos; empty: AWS, or what AWS_ENDPOINT_URL says."
    )
    account_scouts: int = Field(
        1, ge=1, le=64, description="Processes that look into AWS accounts: one sees about 90 accounts a minute."
    )
    aws_advisor_url: str = Field(
        "", description="Address of the Spot advisor's feed; empty: AWS' own, which is public."
    )
    admin_email: str = Field("admin@localhost", description="E-mail of the first super admin.")
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="Least level that is logged.")
    log_format: LogFormat = Field(LogFormat.JSON, description="json, or console for people.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Say where settings come from."""
        return (init_settings, env_settings, *sources(settings_cls, os.environ))

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, folder: Path) -> Path:
        return folder.expanduser().absolute()

    @field_validator("database_url")
    @classmethod
    def _a_postgres_url(cls, url: SecretStr | None) -> SecretStr | None:
        return _of_scheme(url, "postgresql", "postgres")

    @field_validator("redis_url")
    @classmethod
    def _a_redis_url(cls, url: SecretStr | None) -> SecretStr | None:
        return _of_scheme(url, "redis", "rediss", "unix")

    @model_validator(mode="after")
    def _consistent(self) -> "Settings":
        if self.gateway_replicas_max < self.gateway_replicas:
            raise ValueError("gateway_replicas_max must be at least gateway_replicas")
        if self.mail_backend is MailBackend.SMTP and not self.smtp_host:
            raise ValueError("smtp_host must be set for mail_backend smtp")
        return self

    @property
    def url(self) -> str:
        """Where users reach the platform, without a slash at the end."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")


class SettingsError(RejectedError):
    """Settings that are unknown or wrong: one line each in ``problems``, with the name and what would be right."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(f"setting {problem}" for problem in self.problems)


def load_settings(given: Mapping[str, Any] | None = None) -> Settings:
    """Read the settings; ``given`` ones win over all sources.

    Raises
    ------
    SettingsError
        Naming every setting that is unknown or wrong.
    InputError, TransientError
        When a source that the environment names cannot be read.
    """
    problems = [f"{name}: is not known; `spotopt settings` lists all" for name in unknown_variables(os.environ)]
    try:
        settings = Settings(**(given or {}))
    except ValidationError as err:
        problems += [_told(dict(problem)) for problem in err.errors(include_input=False, include_url=False)]
        raise SettingsError(tuple(problems)) from None  # the cause repeats values, and some are secret
    if problems:
        raise SettingsError(tuple(problems))
    return settings


def _told(problem: Mapping[str, Any]) -> str:
    name = ".".join(str(part) for part in problem["loc"])
    text = str(problem["msg"]).removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        text = "is not known; `spotopt settings` lists all"
    return f"{name}: {text}" if name else text


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """Variables with our prefix that are no setting."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields} | NOT_SETTINGS
    return sorted(name for name in environment if name.upper().startswith(PREFIX) and name.upper() not in known)


def _of_scheme(url: SecretStr | None, *schemes: str) -> SecretStr | None:
    """The URL if it has one of the schemes; its text, which holds a password, is never repeated."""
    if url is not None and urlsplit(url.get_secret_value()).scheme not in schemes:
        raise ValueError(f"must be a URL that begins with {schemes[0]}://")
    return url
