"""Helm, run as a program."""

import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.kube.client import JsonObject
from tests.kube.programs import kubernetes_version

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "deploy" / "charts" / "spot-optimizer-agent"
LIMIT_S = 120.0


class HelmError(AssertionError):
    """Helm refused; the text is what it said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Helm:
    """Helm with a home of its own, so that it knows of nobody's repositories or clusters."""

    program: Path
    home: Path
    kubeconfig: Path | None = None

    def run(self, *words: str) -> str:
        """What Helm prints.

        Raises
        ------
        HelmError
            With what it said, when it ended with an error.
        """
        known = {"HELM_CACHE_HOME": "cache", "HELM_CONFIG_HOME": "config", "HELM_DATA_HOME": "data"}
        variables = {"HOME": str(self.home)} | {name: str(self.home / folder) for name, folder in known.items()}
        if self.kubeconfig:
            variables["KUBECONFIG"] = str(self.kubeconfig)
        command = [self.program, *words]
        done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=LIMIT_S, check=False)
        if done.returncode:
            raise HelmError(done.stderr + done.stdout)
        return done.stdout

    def lint(self, values: Path) -> str:
        """Check the chart with values; warnings are errors."""
        return self.run("lint", str(CHART), "--strict", "--values", str(values))

    def render(self, values: Path, *more: str, namespace: str = "spot-optimizer") -> list[JsonObject]:
        """All objects of the chart, its tests too."""
        # Where Helm cannot ask it takes the release for an old one.
        words = ("template", "agent", str(CHART), "--namespace", namespace, "--kube-version", kubernetes_version())
        return list(documents(self.run(*words, "--values", str(values), *more)))


def documents(text: str) -> Iterator[JsonObject]:
    """The objects of a rendered chart."""
    return (one for one in yaml.safe_load_all(text) if one)


def of_kind(found: Sequence[JsonObject], kind: str) -> list[JsonObject]:
    """Those of one kind, in order."""
    return [one for one in found if one["kind"] == kind]


def case(name: str) -> Path:
    """One of the chart's example values."""
    return CHART / "ci" / f"{name}-values.yaml"
