"""Alert rules speak of metrics that the platform exports."""

import ast
import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[3]
RULES = ROOT / "deploy" / "monitoring" / "rules.yaml"
KINDS = {"Gauge", "Counter", "Histogram"}
PARTS = ("_bucket", "_sum", "_count", "_total")
"""What an exporter puts behind the name of a histogram or a counter."""


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def exported() -> set[str]:
    """Names of all metrics that actors make."""
    calls = [
        node
        for path in (ROOT / "actors").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KINDS
    ]
    firsts = [call.args[0] for call in calls if call.args]
    return {
        f"ray_{first.value}" for first in firsts if isinstance(first, ast.Constant) and isinstance(first.value, str)
    }


def without_part(name: str) -> str:
    return next((name.removesuffix(part) for part in PARTS if name.endswith(part)), name)


def test_every_metric_of_a_rule_is_exported() -> None:
    named = {name for rule in rules() for name in re.findall(r"ray_\w+", rule["expr"])}
    assert named
    assert {without_part(name) for name in named} <= exported()


def test_every_rule_says_what_is_wrong_how_bad_and_what_to_do() -> None:
    found = rules()
    assert len({rule["alert"] for rule in found}) == len(found)
    for rule in found:
        assert rule["labels"]["severity"] in ("info", "warning", "critical")
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["action"]
        assert re.fullmatch(r"\d+[mhd]", rule["for"])


def test_a_broken_model_is_told() -> None:
    assert any("ray_spotopt_models_broken" in rule["expr"] for rule in rules())
