"""``policy.yaml``: read strictly, every mistake named by line and field."""

import difflib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from domain.errors import InputError
from domain.market import Arch
from domain.policy import Capacity, Policy


class PolicyModel(BaseModel):
    """The fields of `domain.policy.Policy`, any of which may be left out. Limits are checked there, once."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    capacity: Literal["spot", "on-demand", "mixed"] | None = None
    families: list[str] | None = None
    architectures: list[Literal["amd64", "arm64"]] | None = None
    excluded_namespaces: list[str] | None = None
    max_pool_share: float | None = None
    max_loss_share: float | None = None
    max_loss_probability: float | None = None
    risk_premium: float | None = None
    eviction_cost_usd: float | None = None
    payback_h: float | None = None
    min_saving_share: float | None = None
    node_min_saving_share: float | None = None
    max_concurrent_actions: int | None = None
    allow_burstable: bool | None = None
    allow_bare_metal: bool | None = None


FIELDS = tuple(PolicyModel.model_fields)


def load_policy(path: Path | None, *, overrides: Mapping[str, Any]) -> Policy:
    """The policy of a file, with what the command line says on top.

    Parameters
    ----------
    path
        A YAML file; ``None`` for the defaults.
    overrides
        Fields given as options; ``None`` or an empty tuple means not given.

    Raises
    ------
    InputError
        When the file cannot be read, is not YAML, has an unknown, repeated or wrong field, or a value is out of range.
    """
    policy = read_policy(path) if path else Policy()
    given = {name: value for name, value in overrides.items() if value not in (None, ())}
    try:
        return replace(policy, **given)
    except ValueError as error:
        field, _, problem = str(error).partition(" ")
        raise InputError(f"--{field.replace('_', '-')}", "", problem) from error


def read_policy(path: Path) -> Policy:
    """The policy that a file describes; fields it leaves out keep their defaults."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(str(path), "", f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(str(path), "", f"is not UTF-8 text (byte {error.start})") from error
    lines, data = _parse(text, source=str(path))
    try:
        model = PolicyModel.model_validate(data)
    except ValidationError as error:
        raise _problem(error, source=str(path), lines=lines) from error
    try:
        return Policy(**_domain_fields(model.model_dump(exclude_none=True)))
    except ValueError as error:
        field, _, problem = str(error).partition(" ")
        raise InputError(f"{path} line {lines[field]}", field, problem) from error


def _domain_fields(fields: dict[str, Any]) -> dict[str, Any]:
    for name, value in fields.items():
        if isinstance(value, list):
            fields[name] = tuple(value)
    if "capacity" in fields:
        fields["capacity"] = Capacity(fields["capacity"])
    if "architectures" in fields:
        fields["architectures"] = tuple(Arch(name) for name in fields["architectures"])
    return fields


def _parse(text: str, *, source: str) -> tuple[dict[str, int], Any]:
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{source} line {mark.line + 1}" if mark else source
        raise InputError(where, "", f"is not YAML: {getattr(error, 'problem', None) or error}") from error
    if root is None:
        return {}, {}
    if not isinstance(root, yaml.MappingNode):
        raise InputError(source, "", "must be a list of fields such as 'capacity: spot'")
    return _lines(root, source=source), data


def _lines(root: yaml.MappingNode, *, source: str) -> dict[str, int]:
    lines: dict[str, int] = {}
    for key, _ in root.value:
        line = key.start_mark.line + 1
        if key.value in lines:
            raise InputError(f"{source} line {line}", key.value, f"is already set in line {lines[key.value]}")
        lines[str(key.value)] = line
    return lines


def _problem(error: ValidationError, *, source: str, lines: Mapping[str, int]) -> InputError:
    first = error.errors(include_url=False)[0]
    field = str(first["loc"][0])
    where = f"{source} line {lines[field]}" if field in lines else source
    if first["type"] == "extra_forbidden":
        return InputError(where, field, f"is not a field of a policy; {_nearest(field)}")
    path = ".".join(str(part) for part in first["loc"])
    problem = first["msg"].replace("Input should be", "must be")
    return InputError(where, path, f"{problem}, not {first['input']!r}")


def _nearest(field: str) -> str:
    near = difflib.get_close_matches(field, FIELDS, n=1)
    return f"did you mean {near[0]}?" if near else f"the fields are {', '.join(FIELDS)}"
