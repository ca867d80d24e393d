"""Settings: from where they are read, and how a wrong one is told."""

import os
from pathlib import Path

import pytest

from adapters.settings import MailBackend, Settings, SettingsError, load_settings
from domain.errors import InputError


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("SPOTOPT_") or name in {"DATABASE_URL", "REDIS_URL", "RAY_ADDRESS"}:
            monkeypatch.delenv(name)


def problems_of(given: dict | None = None) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(given)
    return str(caught.value)


def test_everything_has_a_default_and_a_reason() -> None:
    load_settings()
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert len(field.description) > 20, name


def test_the_environment_wins_over_the_file_and_secret_files_win_over_it_too(monkeypatch, tmp_path: Path) -> None:
    config, secrets = tmp_path / "settings.yaml", tmp_path / "secrets"
    secrets.mkdir()
    config.write_text("port: 1111\nhost: 10.0.0.1\nsmtp_password: of-the-file\n")
    (secrets / "smtp_password").write_text("of-the-folder\n")
    monkeypatch.setenv("SPOTOPT_CONFIG", str(config))
    monkeypatch.setenv("SPOTOPT_SECRETS_DIR", str(secrets))
    monkeypatch.setenv("SPOTOPT_PORT", "2222")
    settings = load_settings()
    assert (settings.port, settings.host) == (2222, "10.0.0.1")
    assert settings.smtp_password.get_secret_value() == "of-the-folder"


def test_all_unknown_and_bad_settings_are_named_at_once(monkeypatch) -> None:
    monkeypatch.setenv("SPOTOPT_PROT", "80")
    monkeypatch.setenv("SPOTOPT_PORT", "eighty")
    monkeypatch.setenv("SPOTOPT_GATEWAY_REPLICAS", "0")
    told = problems_of()
    assert "SPOTOPT_PROT: is not known" in told
    assert "port: Input should be a valid integer" in told
    assert "gateway_replicas: Input should be greater than or equal to 1" in told


def test_an_unknown_name_in_the_file_is_named(monkeypatch, tmp_path: Path) -> None:
    config = tmp_path / "settings.yaml"
    config.write_text("prot: 80\n")
    monkeypatch.setenv("SPOTOPT_CONFIG", str(config))
    assert problems_of() == "setting prot: is not known; `spotopt settings` lists all"


@pytest.mark.parametrize(("content", "told"), [("- 1\n", "must be a mapping"), ("a: [", "is no YAML")])
def test_a_file_that_is_no_mapping_is_refused(monkeypatch, tmp_path: Path, content: str, told: str) -> None:
    config = tmp_path / "settings.yaml"
    config.write_text(content)
    monkeypatch.setenv("SPOTOPT_CONFIG", str(config))
    with pytest.raises(InputError, match=told):
        load_settings()


def test_a_file_or_folder_that_is_not_there_is_named(monkeypatch, tmp_path: Path) -> None:
    for variable in ("SPOTOPT_CONFIG", "SPOTOPT_SECRETS_DIR"):
        with monkeypatch.context() as patch:
            patch.setenv(variable, str(tmp_path / "missing"))
            with pytest.raises(InputError, match=variable):
                load_settings()


def test_passwords_are_never_shown(monkeypatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://owner:hunter2@db/spotopt")
    assert "hunter2" not in repr(load_settings())
    monkeypatch.setenv("DATABASE_URL", "mysql://owner:hunter2@db/spotopt")
    told = problems_of()
    assert "postgresql://" in told
    assert "hunter2" not in told


def test_settings_that_contradict_each_other_are_refused() -> None:
    assert "smtp_host must be set" in problems_of({"mail_backend": MailBackend.SMTP})
    assert "gateway_replicas_max" in problems_of({"gateway_replicas": 9, "gateway_replicas_max": 8})


def test_links_lead_to_the_public_url_if_there_is_one() -> None:
    assert load_settings({"port": 81}).url == "http://127.0.0.1:81"
    assert load_settings({"public_url": "https://spot.example.com/"}).url == "https://spot.example.com"
