"""Keys of the platform: made once, kept tightly, rotated without losing what older ones did."""

import base64
from pathlib import Path

import pytest

from adapters.settings import Settings, load_keys, load_settings, rotate
from domain.errors import InputError, InvariantError


def settings_in(folder: Path, **given: str) -> Settings:
    return load_settings({"data_dir": folder, **given})


def test_keys_are_made_once_and_only_their_owner_may_read_them(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    assert load_keys(settings) == load_keys(settings)
    files = sorted((tmp_path / "keys").iterdir())
    assert [file.name for file in files] == ["encryption", "session"]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700


def test_a_key_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    load_keys(settings_in(tmp_path))
    (tmp_path / "keys" / "session").chmod(0o640)
    with pytest.raises(InputError, match="chmod 600"):
        load_keys(settings_in(tmp_path))


def test_what_an_older_key_encrypted_is_still_read_after_a_rotation(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    before = load_keys(settings)
    hidden = before.encrypt(b"signing key")
    new = rotate(settings, "encryption")
    after = load_keys(settings)
    assert after.encryption == (new, *before.encryption)
    assert after.decrypt(hidden) == b"signing key"
    with pytest.raises(InvariantError, match="none of the encryption keys"):
        before.decrypt(after.encrypt(b"later"))


def test_a_changed_secret_is_noticed(tmp_path: Path) -> None:
    keys = load_keys(settings_in(tmp_path))
    hidden = bytearray(keys.encrypt(b"signing key"))
    hidden[20] ^= 1
    with pytest.raises(InvariantError):
        keys.decrypt(bytes(hidden))


def test_few_old_keys_are_kept(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    first = load_keys(settings).session[0]
    for _ in range(3):
        rotate(settings, "session")
    assert len(load_keys(settings).session) == 3
    assert first not in load_keys(settings).session


def test_keys_of_the_settings_win_and_nothing_is_written(tmp_path: Path) -> None:
    text = ",".join(base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2))
    keys = load_keys(settings_in(tmp_path, session_keys=text, encryption_keys=text))
    assert [key.secret[0] for key in keys.session] == [1, 2]
    assert not (tmp_path / "keys").exists()


def test_a_key_of_the_wrong_length_is_named_and_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="session_keys: a key must be base64 of 32 bytes") as caught:
        load_keys(settings_in(tmp_path, session_keys="c2VjcmV0"))
    assert "c2VjcmV0" not in str(caught.value)


def test_keys_do_not_show_their_secrets(tmp_path: Path) -> None:
    keys = load_keys(settings_in(tmp_path))
    assert "secret" not in repr(keys)
