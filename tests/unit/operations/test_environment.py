"""What the platform process is handed."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.embedded.folder import DataFolder
from adapters.settings import load_settings
from serve.operations.environment import LONGEST_RAY_FOLDER, RayPlan, platform_environment, ray_folder

LONGEST_SOCKET_PATH = 103
"""On macOS, with its end; Linux takes 107."""
NODE_ID = "f" * 56


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("SPOTOPT_") or name in {"DATABASE_URL", "REDIS_URL", "RAY_ADDRESS"}:
            monkeypatch.delenv(name)


@pytest.fixture
def long(tmp_path: Path) -> Iterator[DataFolder]:
    """A folder whose path is too long for sockets; what stands in for it is removed."""
    folder = DataFolder(tmp_path / ("long" * 20))
    yield folder
    shutil.rmtree(ray_folder(folder).parent)


def environment(
    tmp_path: Path, *, ray: bool = True, base: dict[str, str] | None = None, **given: object
) -> dict[str, str]:
    plan = RayPlan(
        folder=Path("/tmp/r"),
        token_file=tmp_path / "token",
        dashboard_port=1,
        metrics_port=2,
        stats_port=3,
        fallback_port=4,
    )
    settings = load_settings({"data_dir": tmp_path, **given})
    urls = {"database_url": "postgresql://d", "redis_url": "redis://r"}
    return platform_environment(settings, base or {}, ray=plan if ray else None, **urls)


def test_the_platform_reads_the_same_settings_from_its_environment(tmp_path, monkeypatch) -> None:
    for name, value in environment(tmp_path, port=1234, host="::1").items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert (settings.port, settings.host, settings.data_dir) == (1234, "::1", tmp_path)
    assert settings.database_url is not None
    assert settings.database_url.get_secret_value() == "postgresql://d"
    assert settings.ray_address == ""


def test_what_haproxy_sends_while_no_replica_is_there_stays_with_this_platform(tmp_path) -> None:
    assert environment(tmp_path)["RAY_SERVE_FALLBACK_PROXY_HTTP_PORT"] == "4"
    assert "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT" not in environment(tmp_path, ray=False)


def test_a_ray_that_is_joined_keeps_its_address_and_its_own_token(tmp_path) -> None:
    found = environment(tmp_path, ray=False, base={"RAY_AUTH_TOKEN": "of the cluster"}, ray_address="head:6379")
    assert found["RAY_ADDRESS"] == "head:6379"
    assert found["RAY_AUTH_TOKEN"] == "of the cluster"
    assert "RAY_AUTH_TOKEN_PATH" not in found


def test_other_names_of_what_is_settled_do_not_contradict_it(tmp_path) -> None:
    base = {"SPOTOPT_DATABASE_URL": "postgresql://other", "RAY_ADDRESS": "other", "PATH": "/bin"}
    found = environment(tmp_path, base=base)
    assert "SPOTOPT_DATABASE_URL" not in found
    assert "RAY_ADDRESS" not in found
    assert found["PATH"] == "/bin"


def test_sockets_of_ray_and_haproxy_have_paths_that_systems_allow(long) -> None:
    session = "session_2026-11-23_12-28-40_603340_4194304/sockets/plasma_store"
    for folder in (Path("/" + "x" * (LONGEST_RAY_FOLDER - 1)), ray_folder(long)):
        assert len(str(folder / session)) <= LONGEST_SOCKET_PATH
        assert len(str(folder / NODE_ID / "a")) + len(".12345.tmp") <= LONGEST_SOCKET_PATH


def test_nobody_else_reaches_the_folder_that_ray_opens_to_everybody(long) -> None:
    folder = ray_folder(long)
    folder.chmod(0o777)
    assert folder.parent.stat().st_mode & 0o077 == 0


def test_a_folder_with_a_long_path_always_gets_the_same_short_one(long, tmp_path) -> None:
    assert ray_folder(long) == ray_folder(DataFolder(tmp_path / ("long" * 20)))
    assert not ray_folder(long).is_relative_to(tmp_path)
