"""The agent's chart, as far as it can be judged without Helm; ``tests/kube`` renders and installs it."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
CHART = ROOT / "deploy" / "charts" / "spot-optimizer-agent"
TEMPLATES = sorted(CHART.glob("templates/**/*.*"))
CASES = sorted(CHART.glob("ci/*-values.yaml"))

Values = dict[str, Any]


def read_yaml(name: str) -> Values:
    return yaml.safe_load((CHART / name).read_text(encoding="utf-8"))


def leaves(values: Values, path: str = "") -> Iterator[str]:
    """Paths of all values that are no groups of others."""
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, f"{path}{name}.")
        else:
            yield f"{path}{name}"


def merged(base: Values, other: Values) -> Values:
    """Values as Helm merges them."""
    both = dict(base)
    for name, value in other.items():
        inside = both.get(name)
        both[name] = merged(inside, value) if isinstance(inside, dict) and isinstance(value, dict) else value
    return both


def with_value(path: str, value: object) -> Values:
    """The smallest values that are right, with one of them changed."""
    change: Any = value
    for name in reversed(path.split(".")):
        change = {name: change}
    return merged(merged(read_yaml("values.yaml"), read_yaml("ci/minimal-values.yaml")), change)


def problems(values: Values) -> list[str]:
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    found = jsonschema.Draft7Validator(schema).iter_errors(values)
    return sorted(".".join(str(part) for part in one.absolute_path) for one in found)


def test_chart_and_agent_have_the_version_of_the_project() -> None:
    chart = read_yaml("Chart.yaml")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert (chart["version"], chart["appVersion"]) == (project, project)


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_the_schema_takes_the_examples(case: Path) -> None:
    assert problems(merged(read_yaml("values.yaml"), read_yaml(f"ci/{case.name}"))) == []


def test_the_schema_asks_for_what_has_no_default() -> None:
    assert problems(read_yaml("values.yaml")) == ["apiUrl", "clusterId", "image.repository"]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("apiUrl", "spot-optimizer.example.com"),
        ("apiUrl", "https://spot-optimizer.example.com/?cluster=1"),
        ("clusterId", "my-cluster"),
        ("logLevel", "TRACE"),
        ("collectionInterval", 1),
        ("heartbeatInterval", "30"),
        ("dryRun", "no"),
        ("replicaCount", 0),
        ("resources.limits.memory", "128 MB"),
        ("image.repository", "registry.example.com/agent:1.0"),
        ("image.digest", "sha256:abc"),
        ("service.port", 70000),
        ("metrics.serviceMonitor.interval", "half a minute"),
        ("networkPolicy.ports", []),
        ("podDisruptionBudget.maxUnavailable", 0),
        ("replicas", 2),
        ("existingSecret.keyName", "token"),
    ],
)
def test_the_schema_refuses_and_names(path: str, value: object) -> None:
    (place,) = problems(with_value(path, value))
    # A name that is not known is a problem of the group that it stands in.
    assert place in (path, path.rpartition(".")[0])


def test_a_budget_may_be_a_share() -> None:
    assert problems(with_value("podDisruptionBudget.maxUnavailable", "50%")) == []


def test_every_value_is_read_by_a_template_and_explained_by_the_schema() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in TEMPLATES)
    read = set(re.findall(r"\.Values\.([A-Za-z.]+)", text))
    known = set(leaves(read_yaml("values.yaml")))
    # A template may read a group as a whole.
    unread = {one for one in known if not any(one == path or one.startswith(f"{path}.") for path in read)}
    unknown = {path for path in read if not any(one == path or one.startswith(f"{path}.") for one in known)}
    assert (unread, unknown) == (set(), set())


def test_values_that_the_readme_names_exist() -> None:
    readme = (CHART / "README.md").read_text(encoding="utf-8")
    values = read_yaml("values.yaml")
    groups = {*leaves(values)} | {path.rpartition(".")[0] for path in leaves(values)}
    table = readme.partition("| value | default |")[2].partition("\n\n")[0]
    named = re.findall(r"^\| `([a-zA-Z.]+)`", table, re.MULTILINE)
    set_by_hand = re.findall(r"--set ([a-zA-Z.]+)=", readme)
    assert named
    assert set(named) | set(set_by_hand) <= groups


def test_roles_name_every_verb_and_resource_and_touch_no_secrets() -> None:
    for path in TEMPLATES:
        text = path.read_text(encoding="utf-8")
        rules = re.findall(r"^\s+(?:- )?(?:apiGroups|resources|verbs): \[(.*)\]$", text, re.MULTILINE)
        granted = {word.strip(' "') for rule in rules for word in rule.split(",")}
        assert not granted & {"*", "secrets", "delete", "deletecollection", "escalate", "impersonate", "bind"}, (
            path.name
        )
