"""The agent's Dockerfile, as far as it can be judged without building it."""

import fnmatch
import json
import re
from itertools import takewhile
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[3]
IMAGE = ROOT / "deploy" / "images" / "agent"
CHART = ROOT / "deploy" / "charts" / "spot-optimizer-agent"


def instructions() -> list[tuple[str, str]]:
    """Keyword and arguments of each instruction, continued lines joined."""
    text = (IMAGE / "Dockerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [
        (keyword, rest.strip()) for keyword, _, rest in (line.partition(" ") for line in joined.splitlines()) if rest
    ]


def last_stage() -> list[tuple[str, str]]:
    return list(takewhile(lambda one: one[0] != "FROM", reversed(instructions())))


def copied_from_the_repository() -> list[str]:
    copies = [rest.split() for keyword, rest in instructions() if keyword == "COPY" and "--from=" not in rest]
    return [source for words in copies for source in words[:-1]]


def is_sent(name: str) -> bool:
    """Whether the ignore file lets a path of the repository's root through; the last rule that matches decides."""
    sent = True
    for line in (IMAGE / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#") and fnmatch.fnmatch(name, line.lstrip("!")):
            sent = line.startswith("!")
    return sent


def test_whatever_is_copied_exists_and_is_sent_to_the_builder() -> None:
    sources = copied_from_the_repository()
    assert {"agent", "domain", "requirements.lock", "pyproject.toml"} <= {
        source.removeprefix("./") for source in sources
    }
    for source in sources:
        assert (ROOT / source).exists(), source
        assert is_sent(source.removeprefix("./")), source


def test_nothing_else_of_ours_is_sent() -> None:
    assert {path.name for path in ROOT.iterdir() if path.is_dir() and is_sent(path.name)} == {"agent", "domain"}


def test_it_runs_as_the_user_that_the_chart_demands() -> None:
    user = next(rest for keyword, rest in last_stage() if keyword == "USER")
    helpers = (CHART / "templates" / "_helpers.tpl").read_text(encoding="utf-8")
    demanded = re.findall(r"runAs(?:User|Group): (\d+)", helpers)
    assert user == ":".join(demanded)
    assert "0" not in demanded


def test_it_starts_without_a_shell_and_installs_nothing_at_the_end() -> None:
    stage = last_stage()
    entry = next(rest for keyword, rest in stage if keyword == "ENTRYPOINT")
    assert json.loads(entry)[-2:] == ["-m", "agent"]
    assert [rest for keyword, rest in stage if keyword in ("RUN", "ADD", "CMD", "SHELL")] == []


def test_every_package_is_checked_against_its_hash() -> None:
    for keyword, rest in instructions():
        for command in re.findall(r"pip install .*?(?=&&|$)", rest) if keyword == "RUN" else []:
            assert "--require-hashes" in command, command


def test_bases_are_named_with_a_registry_and_a_release() -> None:
    bases = [rest.partition("=")[2] for keyword, rest in instructions() if keyword == "ARG" and "/" in rest]
    assert len(bases) == 2
    for base in bases:
        registry, _, rest = base.partition("/")
        assert "." in registry
        assert re.search(r":(?!latest)[\w.-]+$|@sha256:[0-9a-f]{64}$", rest)


def test_it_serves_where_the_chart_looks() -> None:
    port = next(rest for keyword, rest in last_stage() if keyword == "EXPOSE")
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    assert int(port) == values["service"]["port"]
