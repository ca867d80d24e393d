"""Every figure that the agent shows is explained, by the name that Prometheus gives it."""

from pathlib import Path

import pytest

from agent.telemetry import Telemetry

DOCUMENT = (Path(__file__).parents[3] / "docs" / "agent.md").read_text(encoding="utf-8")
FAMILIES = sorted((one.name, one.type) for one in Telemetry().registry.collect())


@pytest.mark.parametrize(("name", "kind"), FAMILIES)
def test_a_figure_is_explained(name: str, kind: str) -> None:
    shown = name.removeprefix("spotopt_agent_") + ("_total" if kind == "counter" else "")
    assert f"`{shown}`" in DOCUMENT
