"""Bytes into Kubernetes objects: files or a stream, plain or gzip, one or many JSON documents.

Read object by object from a window of text: 200 MB cost little more memory than the objects that are kept. Python's own
JSON scanner is used because it can stop after one value; parsing such a file whole takes more time and 1.2 GB.
"""

import gzip
import io
import json
import sys
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NoReturn, TextIO, cast

from adapters.kubernetes.fields import KubeObject, shown
from adapters.kubernetes.prune import prune
from domain.errors import InputError

STDIN = "-"
_WINDOW_CHARS = 4 << 20
"""Read at once. An object longer than this is read again with a window twice as long."""
_HINT = "expected the JSON that 'kubectl get … -o json' prints"


def read_documents(sources: Sequence[str | Path], *, stdin: BinaryIO | None = None) -> list[KubeObject]:
    """Read Kubernetes objects, shortened to what planning reads.

    Parameters
    ----------
    sources
        Paths, or ``-`` for standard input. Each may hold a ``List``, a typed list (``PodList``), single objects, JSON
        arrays of objects, or several of these one after another; gzip is recognised by its first bytes.
    stdin
        What ``-`` reads, standard input unless given.

    Raises
    ------
    InputError
        When a source cannot be read, is empty, is not JSON (with line and column), or holds something that is not a
        Kubernetes object.
    """
    objects: list[KubeObject] = []
    for source in sources:
        name = "standard input" if str(source) == STDIN else str(source)
        try:
            objects.extend(_read_one(source, name, stdin=stdin))
        except (gzip.BadGzipFile, EOFError, zlib.error) as err:
            raise InputError(name, "", f"is a damaged gzip file ({err})") from err
        except OSError as err:
            raise InputError(name, "", f"cannot be read: {err.strerror or err}") from err
        except UnicodeError as err:
            raise InputError(name, "", f"is not text in UTF-8 or UTF-16; {_HINT}") from err
    return objects


def _read_one(source: str | Path, name: str, *, stdin: BinaryIO | None) -> list[KubeObject]:
    if str(source) == STDIN:
        return _read_stream(stdin or sys.stdin.buffer, name)
    with Path(source).open("rb") as file:
        return _read_stream(file, name)


def _read_stream(raw: BinaryIO, name: str) -> list[KubeObject]:
    with _decoded(raw) as stream:
        return list(_documents(_Text(stream, name)))


@contextmanager
def _decoded(raw: BinaryIO) -> Iterator[TextIO]:
    """Unzip and decode, and leave ``raw`` open. PowerShell writes UTF-16 when output is sent to a file."""
    plain = io.BufferedReader(cast(io.RawIOBase, raw))
    zipped = plain.peek(2)[:2] == b"\x1f\x8b"
    unzipped = io.BufferedReader(cast(io.RawIOBase, gzip.GzipFile(fileobj=plain))) if zipped else plain
    try:
        utf16 = unzipped.peek(2)[:2] in (b"\xff\xfe", b"\xfe\xff")
        text = io.TextIOWrapper(unzipped, encoding="utf-16" if utf16 else "utf-8-sig", newline="")
        try:
            yield text
        finally:
            text.detach()
    finally:
        plain.detach()


class _Text:
    """A window over a stream of JSON text."""

    def __init__(self, stream: TextIO, name: str) -> None:
        self.name = name
        self._stream = stream
        self._decoder = json.JSONDecoder(parse_constant=self._refuse_constant)
        self._window = ""
        self._at = 0
        self._ended = False
        self._lines_before = 0
        self._columns_before = 0

    def peek(self) -> str:
        """The next character that is not white space, empty at the end."""
        while True:
            while self._at < len(self._window):
                if self._window[self._at] not in " \t\r\n":
                    return self._window[self._at]
                self._at += 1
            if not self._more():
                return ""

    def take(self, wanted: str) -> str:
        """Consume the next character, which must be one of ``wanted``."""
        found = self.peek()
        if not found:
            self.fail("ends too early")
        if found not in wanted:
            self.fail(f"expected {' or '.join(wanted)}, found {found!r}")
        self._at += 1
        return found

    def value(self) -> object:
        """Consume one whole JSON value."""
        self.peek()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._window, self._at)
            except json.JSONDecodeError as err:
                if self._more():
                    continue
                self._at = min(err.pos, len(self._window))
                cut_short = self._at == len(self._window) or err.msg.startswith("Unterminated")
                self.fail("ends too early" if cut_short else err.msg)
            except (ValueError, RecursionError) as err:
                self.fail("is nested too deeply" if isinstance(err, RecursionError) else str(err))
            # A number at the end of the window may go on in the next one.
            if end == len(self._window) and not isinstance(value, (dict, list, str)) and self._more():
                continue
            self._at = end
            return value

    def fail(self, problem: str) -> NoReturn:
        """Refuse the text at the current place."""
        line = self._lines_before + self._window.count("\n", 0, self._at) + 1
        last_break = self._window.rfind("\n", 0, self._at)
        column = self._at - last_break if last_break >= 0 else self._columns_before + self._at + 1
        raise InputError(self.name, f"line {line} column {column}", f"not JSON: {problem}; {_HINT}")

    def _more(self) -> bool:
        """Drop what was consumed and read on; false at the end. Twice the rest, so that retries cost little."""
        if self._ended:
            return False
        chunk = self._stream.read(max(_WINDOW_CHARS, len(self._window) - self._at))
        if not chunk:
            self._ended = True
            return False
        gone = self._window[: self._at]
        self._lines_before += gone.count("\n")
        tail = len(gone) - gone.rfind("\n") - 1
        self._columns_before = tail if "\n" in gone else self._columns_before + tail
        self._window, self._at = self._window[self._at :] + chunk, 0
        return True

    @staticmethod
    def _refuse_constant(word: str) -> NoReturn:
        raise ValueError(f"{word} is no JSON value")


def _documents(text: _Text) -> Iterator[KubeObject]:
    if not text.peek():
        raise InputError(text.name, "", f"is empty; {_HINT}")
    while start := text.peek():
        if start == "{":
            yield from _object_or_list(text)
        elif start == "[":
            yield from (prune(_checked(obj, text, f"[{index}]")) for index, obj in enumerate(_elements(text, "")))
        else:
            value = text.value()
            raise InputError(text.name, "", f"holds {shown(value)} where an object was expected; {_HINT}")


def _object_or_list(text: _Text) -> Iterator[KubeObject]:
    members: KubeObject = {}
    items: list[KubeObject] | None = None
    text.take("{")
    separator = text.take("}") if text.peek() == "}" else ","
    while separator != "}":
        key = text.value() if text.peek() == '"' else text.take('"')
        text.take(":")
        if key == "items" and text.peek() == "[":
            items = [prune(item) for item in _elements(text, "items")]
        else:
            members[str(key)] = text.value()
        separator = text.take(",}")
    if items is None:
        if str(members.get("kind")).endswith("List"):
            found = shown(members["items"]) if "items" in members else "nothing"
            raise InputError(text.name, "items", f"must be a list of objects, not {found}; {_HINT}")
        yield prune(_checked(members, text, ""))
    else:
        yield from _items(items, members, text)


def _elements(text: _Text, field: str) -> Iterator[KubeObject]:
    text.take("[")
    separator = text.take("]") if text.peek() == "]" else ","
    index = 0
    while separator != "]":
        value = text.value()
        if not isinstance(value, dict):
            raise InputError(text.name, f"{field}[{index}]", f"must be an object, not {shown(value)}")
        yield value
        index += 1
        separator = text.take(",]")


def _checked(obj: KubeObject, text: _Text, field: str) -> KubeObject:
    kind = obj.get("kind")
    if not isinstance(kind, str) or not kind:
        raise InputError(text.name, f"{field}.kind".strip("."), f"is missing: no Kubernetes object; {_HINT}")
    if kind == "Status":
        raise InputError(text.name, field, f"is an error message of the API server: {obj.get('message') or 'no text'}")
    return obj


def _items(items: list[KubeObject], members: KubeObject, text: _Text) -> Iterator[KubeObject]:
    """Elements of a typed list do not repeat their kind: it is the list's, less ``List``."""
    kind = str(members.get("kind") or "").removesuffix("List")
    for index, item in enumerate(items):
        if kind and "kind" not in item:
            item = {"apiVersion": members.get("apiVersion"), "kind": kind, **item}
        yield _checked(item, text, f"items[{index}]")
