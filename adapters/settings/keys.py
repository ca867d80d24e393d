"""Keys that the platform makes on its first start: they sign sessions and encrypt secrets at rest.

They lie in ``data_dir/keys``, readable by their owner only, unless the settings hand them in: processes on several
machines need the same ones.
"""

import base64
import binascii
import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import SecretStr

from adapters.settings.settings import Settings
from domain.errors import InputError, InvariantError

KEY_BYTES = 32
OWNER_ONLY_FOLDER, OWNER_ONLY_FILE = 0o700, 0o600
SESSION_FILE, ENCRYPTION_FILE = "session", "encryption"
KEPT = 3
"""Keys of one purpose kept after a rotation: the old ones still verify and decrypt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """32 random bytes, and a name made from them that tells nothing about them."""

    id: str
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """All keys, the current one of each purpose first."""

    session: tuple[Key, ...]
    encryption: tuple[Key, ...]

    def encrypt(self, plain: bytes) -> bytes:
        """Encrypt and authenticate (Fernet: AES-128-CBC with HMAC-SHA256)."""
        return self._fernet().encrypt(plain)

    def decrypt(self, token: bytes) -> bytes:
        """What ``encrypt`` was given, by the current key or an older one.

        Raises
        ------
        InvariantError
            When no key fits: the keys of this database have been lost or swapped.
        """
        try:
            return self._fernet().decrypt(token)
        except InvalidToken as err:
            raise InvariantError("a stored secret was encrypted by none of the encryption keys") from err

    def _fernet(self) -> MultiFernet:
        return MultiFernet([Fernet(base64.urlsafe_b64encode(key.secret)) for key in self.encryption])


def load_keys(settings: Settings) -> Keys:
    """The keys of the settings, else those of the data folder, made where there are none.

    Raises
    ------
    InputError
        When a key is no base64 of 32 bytes, or others may read its file.
    """
    folder = settings.data_dir / "keys"
    return Keys(
        session=_given("session_keys", settings.session_keys) or _kept(folder / SESSION_FILE),
        encryption=_given("encryption_keys", settings.encryption_keys) or _kept(folder / ENCRYPTION_FILE),
    )


def rotate(settings: Settings, purpose: str) -> Key:
    """Put a new key in front of those of the data folder; ``purpose`` is ``session`` or ``encryption``."""
    file = settings.data_dir / "keys" / purpose
    new = _key(os.urandom(KEY_BYTES))
    _write(file, (new, *_kept(file))[:KEPT])
    return new


def _given(name: str, secret: SecretStr) -> tuple[Key, ...]:
    return tuple(_parsed(f"setting {name}", text.strip()) for text in secret.get_secret_value().split(",") if text)


def _kept(file: Path) -> tuple[Key, ...]:
    if not file.exists():
        _write(file, (_key(os.urandom(KEY_BYTES)),))
    if file.stat().st_mode & 0o077:
        raise InputError(str(file), "mode", f"others may read it: chmod 600 {file}")
    return tuple(_parsed(str(file), line) for line in file.read_text(encoding="ascii").split())


def _write(file: Path, keys: tuple[Key, ...]) -> None:
    """Written aside and moved into place, so that a crash leaves the old file or the new one."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=OWNER_ONLY_FOLDER)
    aside = file.with_suffix(".new")
    aside.unlink(missing_ok=True)
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY_FILE), "w") as out:
        out.write("\n".join(base64.b64encode(key.secret).decode() for key in keys) + "\n")
        out.flush()
        os.fsync(out.fileno())
    aside.replace(file)


def _parsed(origin: str, text: str) -> Key:
    try:
        secret = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if len(secret) != KEY_BYTES:
        raise InputError(origin, "", f"a key must be base64 of {KEY_BYTES} bytes")
    return _key(secret)


def _key(secret: bytes) -> Key:
    return Key(id=hashlib.sha256(b"key id" + secret).hexdigest()[:12], secret=secret)
