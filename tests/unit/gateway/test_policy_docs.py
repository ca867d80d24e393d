"""The guide's tables of what customers may set, made from what the API takes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from domain.fleet import DEFAULT_POLICY, PolicySection
from serve.schemas.policies import BODIES

GUIDE = Path(__file__).parents[3] / "docs" / "policy.md"


def rows(section: PolicySection) -> list[str]:
    """A line for each field of a section: name, what it may be, default, what it does."""
    schema = BODIES[section].model_json_schema()
    return [
        f"| `{name}` | {_may_be(field['anyOf'][0], schema.get('$defs', {}))} "
        f"| {_default(section, name)} | {field['description'][0].upper()}{field['description'][1:]}. |"
        for name, field in schema["properties"].items()
        if name != "cluster_id"
    ]


@pytest.mark.parametrize("section", PolicySection)
def test_the_guide_tells_of_every_field_with_bounds_and_default(section: PolicySection) -> None:
    guide = GUIDE.read_text(encoding="utf-8").splitlines()
    assert f"### `{section}`" in guide
    assert [row for row in rows(section) if row not in guide] == []


def _may_be(kind: Mapping[str, Any], known: Mapping[str, Any]) -> str:
    kind = known[kind["$ref"].rpartition("/")[2]] if "$ref" in kind else kind
    match kind:
        case {"enum": words}:
            return ", ".join(f"`{word}`" for word in words)
        case {"type": "boolean"}:
            return "`true`, `false`"
        case {"type": "array", "items": items}:
            inner = _may_be(items, known)
            return f"list of {inner if '`' in inner else 'names'}"
        case {"type": "string"}:
            return "name"
    least = f"above {kind['exclusiveMinimum']:g}" if "exclusiveMinimum" in kind else f"{kind['minimum']:g}"
    whole = "whole number, " if kind["type"] == "integer" else ""
    return f"{whole}{least} to {kind['maximum']:g}"


def _default(section: PolicySection, name: str) -> str:
    match DEFAULT_POLICY[section].get(name):
        case None | []:
            return ""
        case bool(on):
            return f"`{str(on).lower()}`"
        case list(names):
            return ", ".join(f"`{one}`" for one in names)
        case value:
            return f"`{value}`"


if __name__ == "__main__":
    for one in PolicySection:
        lines = [f"### `{one}`", "", "| field | may be | default | what it does |", "|---|---|---|---|", *rows(one), ""]
        print("\n".join(lines))  # noqa: T201 - for whoever writes the guide anew
