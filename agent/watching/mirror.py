"""The redacted objects of the cluster in little memory, and what of them the service does not have yet.

A mutable counterpart of `domain.delta.ObjectSet`, whose hash it has: a set that never changes would have to be copied
for each watch event. Each object lies here as compressed canonical JSON behind its digest.
"""

import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import structlog

from domain.canonical import KubeObject, canonical_json
from domain.delta import MAX_OBJECT_BYTES, MAX_OBJECTS, key_of
from domain.redaction import redact

MAX_GONE = 10_000
"""Objects that have gone, more than there are: beyond that everything is shorter than what has changed."""

_DIGEST_BYTES = 16
_MODULUS = 1 << (8 * _DIGEST_BYTES)
_LEVEL = 6

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What to send of the objects, as they were at one moment.

    Parameters
    ----------
    base
        Hash of the set that the service has; ``None`` where everything is sent.
    result
        Hash of the set that it leads to.
    keys
        All that differ.
    deletes
        Those of them that are gone.
    """

    number: int
    base: str | None
    result: str
    keys: frozenset[str]
    deletes: tuple[str, ...]
    packed: tuple[bytes, ...] = field(repr=False)

    def texts(self) -> Iterator[bytes]:
        """The canonical JSON of the objects that are new or different, one after the other."""
        return (zlib.decompress(packed[_DIGEST_BYTES:]) for packed in self.packed)


class Mirror:
    """All objects, and what has changed since the service took some.

    One change is on its way at a time: `begin` says what to send, `confirm` or `abandon` how that went. Objects may
    change meanwhile. All of it is forgotten by a restart, which begins with everything.
    """

    def __init__(self) -> None:
        self._packed: dict[str, bytes] = {}
        self._total = 0
        self._changed: set[str] = set()
        self._base: str | None = None
        self._sent: Change | None = None
        self._number = 0
        self._left_out: set[str] = set()

    def __len__(self) -> int:
        return len(self._packed)

    @property
    def hash(self) -> str:
        """Of the whole set: 32 hexadecimal digits."""
        return f"{self._total:032x}"

    def count(self, kind: str) -> int:
        """How many objects of a kind there are."""
        return sum(key.startswith(f"{kind}/") for key in self._packed)

    def put(self, obj: KubeObject) -> str:
        """Keep an object as far as it may leave the cluster; its key.

        Raises
        ------
        InputError
            When it has no kind or name.
        """
        key = key_of(obj)
        raw = self._raw(key, redact(obj))
        if raw is None:
            self.remove(key)
            return key
        digest = hashlib.sha256(raw).digest()[:_DIGEST_BYTES]
        known = self._packed.get(key)
        if known is None or not known.startswith(digest):
            self._replace(key, known, digest + zlib.compress(raw, _LEVEL))
        return key

    def remove(self, key: str) -> None:
        """Drop an object that is no longer there."""
        known = self._packed.get(key)
        if known is not None:
            self._replace(key, known, None)

    def keep_only(self, kind: str, keys: set[str]) -> list[str]:
        """Drop the objects of a kind that a new list did not have, and say which those were."""
        prefix = f"{kind}/"
        gone = [key for key in self._packed if key.startswith(prefix) and key not in keys]
        for key in gone:
            self.remove(key)
        return gone

    def forget_base(self) -> None:
        """The service does not have what was thought: everything goes with the next change, whatever is on its way."""
        self._base, self._sent = None, None
        self._changed.clear()

    def begin(self) -> Change:
        """What to send now; the one before must have been confirmed or abandoned."""
        self._number += 1
        keys = frozenset(self._packed) if self._base is None else frozenset(self._changed)
        self._sent = Change(
            number=self._number,
            base=self._base,
            result=self.hash,
            keys=keys,
            deletes=tuple(sorted(key for key in keys if key not in self._packed)),
            packed=tuple(self._packed[key] for key in sorted(keys) if key in self._packed),
        )
        self._changed = set()
        return self._sent

    def confirm(self, change: Change) -> None:
        """The service has it."""
        if self._sent is not None and self._sent.number == change.number:
            self._base, self._sent = change.result, None

    def abandon(self, change: Change) -> None:
        """The service may not have it. Where that is not known, `forget_base` too."""
        if self._sent is not None and self._sent.number == change.number:
            self._changed |= change.keys if change.base is not None else frozenset()
            self._sent = None

    def _replace(self, key: str, old: bytes | None, new: bytes | None) -> None:
        self._total = (self._total + _number(new) - _number(old)) % _MODULUS
        if new is None:
            del self._packed[key]
        else:
            self._packed[key] = new
        self._note(key)

    def _note(self, key: str) -> None:
        """Remember a change, unless everything is sent next. While the service is away for days that becomes less."""
        if self._base is None and self._sent is None:
            return
        self._changed.add(key)
        if self._sent is None and len(self._changed) > len(self._packed) + MAX_GONE:
            self.forget_base()

    def _raw(self, key: str, obj: KubeObject | None) -> bytes | None:
        """Canonical JSON; nothing for what cannot be sent, so that one object never keeps back all others."""
        problem = ""
        try:
            raw = canonical_json(obj) if obj is not None else b""
        except ValueError as err:
            raw, problem = b"", str(err)
        if len(raw) > MAX_OBJECT_BYTES:
            problem = f"has {len(raw)} bytes, more than {MAX_OBJECT_BYTES}"
        elif key not in self._packed and len(self._packed) >= MAX_OBJECTS:
            problem = f"is one more than the {MAX_OBJECTS} that a cluster may have"
        if problem and key not in self._left_out:
            log.error("an object is left out", key=key, problem=problem)
            self._left_out.add(key)
        return None if problem or not raw else raw


def _number(packed: bytes | None) -> int:
    return int.from_bytes(packed[:_DIGEST_BYTES], "big") if packed else 0
