"""Scenario files: YAML, read strictly, every mistake named by line and field."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from adapters.scenarios.model import Scenario
from domain.errors import InputError

MAX_BYTES = 1 << 20
Path_ = tuple[str | int, ...]
_ALTERNATIVES = ("constrained-", "literal[", "float", "int")
"""Steps of an error's path that name an alternative of a type, which no file has."""


def read_scenario(path: Path, *, changes: Sequence[str] = ()) -> Scenario:
    """The scenario of a file.

    Parameters
    ----------
    changes
        ``clusters.tenants=8``: fields that are other than in the file.

    Raises
    ------
    InputError
        When it cannot be read, is not YAML, or has an unknown, repeated, missing or wrong field: names the line.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(str(path), "", f"is larger than {MAX_BYTES >> 20} MiB")
        text = path.read_text(encoding="utf-8")
    except OSError as err:
        raise InputError(str(path), "", f"cannot be read: {err.strerror}") from err
    except UnicodeDecodeError as err:
        raise InputError(str(path), "", f"is not UTF-8 text (byte {err.start})") from err
    return parse_scenario(text, source=str(path), changes=changes)


def parse_scenario(text: str, *, source: str, changes: Sequence[str] = ()) -> Scenario:
    """A scenario from text; raises like `read_scenario`."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.YAMLError as err:
        mark = getattr(err, "problem_mark", None)
        where = f"{source} line {mark.line + 1}" if mark else source
        raise InputError(where, "", f"is not YAML: {getattr(err, 'problem', None) or err}") from err
    if not isinstance(root, yaml.MappingNode):
        raise InputError(source, "", "must be a list of fields such as 'hours: 168'")
    lines = dict(_lines(root, (), source=source))
    for change in changes:
        _apply(data, change)
    try:
        return Scenario.model_validate(_policies_by_name(data))
    except ValidationError as err:
        raise _problem(err, source=source, lines=lines) from err


def scenario_of(data: Mapping[str, Any]) -> Scenario:
    """A scenario as a manifest holds it; raises like `read_scenario`."""
    try:
        return Scenario.model_validate(data)
    except ValidationError as err:
        raise _problem(err, source="scenario", lines={}) from err


def schema() -> dict[str, Any]:
    """The JSON schema of scenarios, for editors."""
    return Scenario.model_json_schema()


def _policies_by_name(data: dict[str, Any]) -> dict[str, Any]:
    """``- karpenter`` is short for ``- policy: karpenter``."""
    policies = data.get("policies")
    if isinstance(policies, list):
        data["policies"] = [{"policy": one} if isinstance(one, str) else one for one in policies]
    return data


def _lines(node: yaml.Node, at: Path_, *, source: str) -> Iterator[tuple[Path_, int]]:
    """Every field's line, counted from 1. Anchors are followed no deeper than YAML nests them."""
    yield at, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            if name in seen:
                raise InputError(f"{source} line {line}", name, f"is already set in line {seen[name]}")
            seen[name] = line
            yield from _lines(value, (*at, name), source=source)
            yield (*at, name), line
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield from _lines(value, (*at, number), source=source)


def _apply(data: dict[str, Any], change: str) -> None:
    path, equals, value = change.partition("=")
    if not equals or not path:
        raise InputError("--set", change, "must be like clusters.tenants=8")
    *parents, last = path.split(".")
    target = data
    for parent in parents:
        target = target.setdefault(parent, {})
        if not isinstance(target, dict):
            raise InputError("--set", path, f"{parent} has no fields of its own")
    try:
        target[last] = yaml.safe_load(value)
    except yaml.YAMLError as err:
        raise InputError("--set", path, f"{value!r} is no YAML value") from err


def _problem(err: ValidationError, *, source: str, lines: Mapping[Path_, int]) -> InputError:
    first = err.errors(include_url=False)[0]
    # Tagged alternatives add steps that no file has.
    path = tuple(
        step for step in first["loc"] if not str(step).startswith(("constrained-", "literal[", "float", "int"))
    )
    known = next((path[:end] for end in range(len(path), -1, -1) if path[:end] in lines), ())
    where = f"{source} line {lines[known]}" if known in lines else source
    field = ".".join(map(str, path))
    if first["type"] == "extra_forbidden":
        return InputError(where, field, f"is not a field here; {_nearest(path)}")
    problem = first["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    if first["type"] in ("value_error", "missing"):
        return InputError(where, field, "is missing" if first["type"] == "missing" else problem)
    return InputError(where, field, f"{problem}, not {first['input']!r:.80}")


def _nearest(path: Path_) -> str:
    fields = _fields_at(Scenario, path[:-1])
    near = difflib.get_close_matches(str(path[-1]), fields, n=1)
    return f"did you mean {near[0]}?" if near else f"the fields are {', '.join(fields)}"


def _fields_at(model: type[BaseModel], path: Path_) -> tuple[str, ...]:
    """Fields of the part that a path leads to."""
    for step in path:
        annotation = model.model_fields[str(step)].annotation if str(step) in model.model_fields else None
        inner = _model_in(annotation)
        if inner is not None:
            model = inner
    return tuple(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_model_in(each) for each in getattr(annotation, "__args__", ()))
    return next((each for each in found if each is not None), None)
