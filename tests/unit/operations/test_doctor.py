"""Verdicts of the doctor."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.embedded.folder import DataFolder
from serve.operations.doctor.finding import Bounds, Finding, Verdict, judged, ok, warning
from serve.operations.doctor.folder import folder
from serve.operations.doctor.services import database_findings, redis_findings

NOW = datetime(2026, 1, 1, tzinfo=UTC)
GOOD_DATABASE = {
    "version": 180_004, "at": NOW, "connections": 100, "name": "owner", "makes_roles": True, "creates": True
}  # fmt: skip


def verdicts(findings: list[Finding]) -> dict[str, Verdict]:
    return {finding.check: finding.verdict for finding in findings}


def database(**changed: Any) -> dict[str, Verdict]:
    return verdicts(database_findings({**GOOD_DATABASE, **changed}, before=NOW, after=NOW + timedelta(seconds=1)))


def test_what_is_not_ok_comes_with_advice_and_what_is_ok_without() -> None:
    with pytest.raises(ValueError, match="advice"):
        Finding(check="memory", verdict=Verdict.WARNING, found="little")
    assert ok("memory", "much").advice == ""
    assert warning("memory", "little", "take more").advice == "take more"


@pytest.mark.parametrize(("amount", "verdict"), [(8, "ok"), (4, "ok"), (3, "warning"), (2, "warning"), (1, "failure")])
def test_an_amount_is_judged_by_its_bounds(amount: float, verdict: str) -> None:
    assert judged("x", amount, Bounds(good=4, least=2), shown=str, advice="more").verdict == verdict


def test_a_good_database_has_nothing_to_say_against() -> None:
    assert set(database().values()) == {Verdict.OK}


@pytest.mark.parametrize(
    ("changed", "check", "verdict"),
    [
        ({"version": 140_010}, "database", "failure"),
        ({"makes_roles": False}, "rights in the database", "failure"),
        ({"creates": False}, "rights in the database", "failure"),
        ({"connections": 20}, "connections", "warning"),
        ({"at": NOW - timedelta(seconds=30)}, "clock", "failure"),
        ({"at": NOW + timedelta(seconds=30)}, "clock", "failure"),
    ],
)
def test_each_fault_of_a_database_is_told(changed: dict[str, Any], check: str, verdict: str) -> None:
    assert database(**changed)[check] == verdict


@pytest.mark.parametrize(
    ("version", "config", "expected"),
    [
        ("6.2.14", {"appendonly": "yes", "maxmemory-policy": "noeviction"}, {"Redis": "ok"}),
        ("7.0.0", {}, {"Redis": "ok"}),
        ("6.0.1", {}, {"Redis": "failure"}),
        ("7.2.0", {"appendonly": "no"}, {"Redis": "ok", "what Redis keeps": "warning"}),
        ("7.2.0", {"maxmemory-policy": "allkeys-lru"}, {"Redis": "ok", "memory of Redis": "failure"}),
    ],
)
def test_a_redis_is_judged_by_its_version_and_by_what_it_keeps(version, config, expected) -> None:
    assert verdicts(redis_findings({"redis_version": version}, config)) == expected


def test_a_folder_that_is_not_there_yet_can_be_made(tmp_path: Path) -> None:
    found = {finding.check: finding for finding in folder(tmp_path / "a" / "b")}
    assert "to be made" in found["data folder"].found
    assert not (tmp_path / "a").exists()


def test_keys_that_others_may_read_are_a_failure_and_a_loose_folder_a_warning(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    key = tmp_path / "keys" / "session"
    key.touch()
    key.chmod(0o644)
    tmp_path.chmod(0o755)
    found = verdicts(list(folder(tmp_path)))
    assert found["keys"] is Verdict.FAILURE
    assert found["rights of the folder"] is Verdict.WARNING


def test_the_holder_of_a_folder_is_named(tmp_path: Path) -> None:
    with DataFolder(tmp_path):
        found = {finding.check: finding for finding in folder(tmp_path)}
    assert found["lock"].found.startswith("held by process ")
