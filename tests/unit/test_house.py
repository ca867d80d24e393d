"""The rules of the house that no linter knows."""

import ast
import re
import subprocess
import tomllib
from importlib.metadata import entry_points, version
from pathlib import Path

import click
import pytest
from packaging.requirements import Requirement

from serve.cli.main import spotopt
from serve.cli.plan import plan

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("domain", "solvers", "adapters", "actors", "serve", "agent", "demo")
LONGEST_FILE = 600
"""Lines beyond which a Python file holds more than one idea."""

# Written so that this file does not match itself.
REGISTRY = re.compile(
    r"pythonhoste[d]\.|pypi\.or[g]|npmjs\.(or[g]|co[m])|://[0-9.]+:\d+/(simpl[e]|np[m])", re.IGNORECASE
)
MACHINE_PATH = re.compile(r"(?<![\w.~$}-])/(root|farm|work|home/\w+|Users/\w+)/\w")


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def project() -> dict:
    return tomllib.loads(read("pyproject.toml"))


def tracked_files() -> list[Path]:
    """Files that git tracks, or would with the next `git add`."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listing.returncode != 0:
        pytest.skip("not a git checkout")
    return [path for name in listing.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def lines_matching(pattern: re.Pattern[str]) -> list[str]:
    found = []
    for path in tracked_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        lines = enumerate(text.splitlines(), start=1)
        found += [f"{path.relative_to(ROOT)}:{number}" for number, line in lines if pattern.search(line)]
    return found


def direct_requirements() -> list[Requirement]:
    metadata = project()
    of_product = [metadata["project"]["dependencies"], *metadata["project"]["optional-dependencies"].values()]
    return [Requirement(text) for group in (*of_product, metadata["dependency-groups"]["dev"]) for text in group]


def lock_entries() -> list[str]:
    """One text for each pin: name and version, hashes, and who asked for it."""
    return re.split(r"^(?=[a-z0-9-]+==)", read("requirements.lock"), flags=re.MULTILINE)[1:]


def name_of(entry: str) -> str:
    return entry.partition("==")[0]


@pytest.mark.parametrize("package", PACKAGES)
def test_every_top_level_package_says_what_it_is(package: str) -> None:
    docstring = ast.get_docstring(ast.parse(read(f"{package}/__init__.py")))
    assert docstring
    assert len(docstring) > 80


@pytest.mark.parametrize("package", PACKAGES)
def test_every_top_level_package_carries_its_types(package: str) -> None:
    assert (ROOT / package / "py.typed").is_file()


def test_the_wheel_the_types_and_the_contracts_cover_the_same_packages() -> None:
    tools = project()["tool"]
    assert tools["hatch"]["build"]["targets"]["wheel"]["packages"] == list(PACKAGES)
    assert tools["mypy"]["packages"] == list(PACKAGES)
    assert tools["importlinter"]["root_packages"] == list(PACKAGES)


def test_no_top_level_package_is_left_out() -> None:
    found = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"examples", "tests"}
    assert found == set(PACKAGES)


def test_the_version_is_written_once_and_stands_in_the_changelog() -> None:
    number = project()["project"]["version"]
    assert version("spot-optimizer") == number
    assert f"## [{number}]" in read("CHANGELOG.md")
    assert lines_matching(re.compile(r"^(__version__|VERSION) =")) == []


def test_the_command_is_installed() -> None:
    (command,) = (entry for entry in entry_points(group="console_scripts") if entry.name == "spotopt")
    assert command.value == project()["project"]["scripts"]["spotopt"]


def test_every_make_command_of_the_documents_is_a_target() -> None:
    targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))
    documents = [file for file in tracked_files() if file.suffix == ".md"] + [ROOT / ".ci" / "run"]
    for document in documents:
        named = set(re.findall(r"(?:^|`)make ([a-z-]+)", document.read_text(encoding="utf-8"), re.MULTILINE))
        assert named <= targets, f"{document.relative_to(ROOT)} names a target that the Makefile lacks"


def test_the_readme_begins_with_the_two_commands() -> None:
    commands = re.findall(r"^make \w+", read("README.md"), re.MULTILINE)
    assert commands[:2] == ["make demo", "make test"]


def test_the_readme_tells_every_option_and_every_command() -> None:
    readme = read("README.md")
    told = set(re.findall(r"`(--[a-z-]+)[ `]", readme.partition("| option |")[2].partition("| exit code |")[0]))
    known = {name for option in plan.params if isinstance(option, click.Option) for name in option.opts}
    assert told == known
    assert set(re.findall(r"^\| `spotopt ([a-z]+)", readme, re.MULTILINE)) == set(spotopt.commands)


def test_the_ci_gate_calls_the_test_command_of_the_readme_and_then_the_checks() -> None:
    assert re.findall(r"^make [\w-]+$", read(".ci/run"), re.MULTILINE) == ["make test", "make test-kube", "make check"]
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111


def test_relative_links_of_the_documents_lead_somewhere() -> None:
    for document in (file for file in tracked_files() if file.suffix == ".md"):
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.relative_to(ROOT)} links to {target}"


def test_the_lock_pins_exactly_what_the_project_asks_for() -> None:
    entries = lock_entries()
    wanted = direct_requirements()
    for requirement in wanted:
        pins = [entry.split()[0].partition("==")[2] for entry in entries if name_of(entry) == requirement.name]
        assert pins, f"{requirement} is not in requirements.lock; run `make lock`"
        assert all(pin in requirement.specifier for pin in pins), f"{requirement} is pinned to {pins}; run `make lock`"
    direct = {name_of(entry) for entry in entries if "spot-optimizer (pyproject.toml" in entry}
    assert direct == {requirement.name for requirement in wanted}, "run `make lock`"


def test_every_pin_carries_hashes() -> None:
    assert [name_of(entry) for entry in lock_entries() if "--hash=sha256:" not in entry] == []


def test_every_dependency_has_its_reason_in_contributing() -> None:
    rows = re.findall(r"^\| ([^|]+) \| [^|]+ \|$", read("CONTRIBUTING.md"), re.MULTILINE)
    told = {name.strip(" `") for cell in rows for name in cell.split(",")}
    assert {requirement.name for requirement in direct_requirements()} <= told


def test_no_file_names_a_package_registry() -> None:
    assert lines_matching(REGISTRY) == []


def test_no_file_names_a_path_of_somebodys_machine() -> None:
    assert lines_matching(MACHINE_PATH) == []


def test_no_python_file_is_too_long() -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in tracked_files()
        if path.suffix == ".py"
    }
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}
