"""A place in a Kubernetes object: a value that can say where it was found.

Every reader goes through `Field`, so that whatever is malformed is reported by object and path, never by a traceback.
"""

from collections.abc import Collection, Iterator
from enum import StrEnum
from typing import Any, TypeVar

from domain.errors import InputError

KubeObject = dict[str, Any]
"""A Kubernetes object as JSON gives it."""

LARGEST = (1 << 63) - 1
"""The largest whole number of Kubernetes, and of whatever computes with what is read here."""

_Choice = TypeVar("_Choice", bound=StrEnum)


class Field:
    """One value inside a Kubernetes object. ``null`` and absent are the same, as they are to Kubernetes."""

    __slots__ = ("_key", "_parent", "value")

    def __init__(self, value: object, key: str | int, parent: "Field | None" = None) -> None:
        self.value = value
        self._key = key
        self._parent = parent

    def __getitem__(self, key: str) -> "Field":
        """The child of that name, absent when this is absent.

        Raises
        ------
        InputError
            When this is not an object.
        """
        if self.value is None:
            return Field(None, key, self)
        if not isinstance(self.value, dict):
            raise self.error("must be an object")
        return Field(self.value.get(key), key, self)

    @property
    def present(self) -> bool:
        """Whether there is a value."""
        return self.value is not None

    def error(self, problem: str) -> InputError:
        """The error that names this place."""
        name, path = self.place()
        return InputError(name, path, problem)

    def place(self) -> tuple[str, str]:
        """Name of the object, and the path inside it."""
        if self._parent is None:
            return str(self._key), ""
        name, path = self._parent.place()
        if isinstance(self._key, int):
            return name, f"{path}[{self._key}]"
        return name, f"{path}.{self._key}" if path else self._key

    def each(self) -> Iterator["Field"]:
        """The elements of a list, none when absent."""
        if self.value is None:
            return
        if not isinstance(self.value, list):
            raise self.error("must be a list")
        for index, element in enumerate(self.value):
            yield Field(element, index, self)

    def entries(self) -> Iterator[tuple[str, "Field"]]:
        """The members of a map, none when absent."""
        if self.value is None:
            return
        if not isinstance(self.value, dict):
            raise self.error("must be an object")
        for key, value in self.value.items():
            if not _is_text(key):
                raise self.error(f"has a key that is no text: {shown(key)}")
            yield key, Field(value, key, self)

    def text(self, default: str = "") -> str:
        """A string."""
        if self.value is None:
            return default
        if not isinstance(self.value, str):
            raise self.error(f"must be a string, not {shown(self.value)}")
        if not _is_text(self.value):
            raise self.error(f"is no text: {shown(self.value)}")
        return self.value

    def required_text(self) -> str:
        """A string that must be there and not be empty."""
        text = self.text()
        if not text:
            raise self.error("is missing")
        return text

    def integer(self, default: int, *, least: int | None = None) -> int:
        """A whole number, at least ``least`` when that is given."""
        if self.value is None:
            return default
        if isinstance(self.value, bool) or not isinstance(self.value, int):
            raise self.error(f"must be a whole number, not {shown(self.value)}")
        if least is not None and self.value < least:
            raise self.error(f"must be at least {least}, not {shown(self.value)}")
        if abs(self.value) > LARGEST:
            raise self.error(f"must be at most {LARGEST}, not {shown(self.value)}")
        return self.value

    def flag(self) -> bool:
        """True or false, false when absent."""
        if self.value is None:
            return False
        if not isinstance(self.value, bool):
            raise self.error(f"must be true or false, not {shown(self.value)}")
        return self.value

    def texts(self) -> tuple[str, ...]:
        """A list of strings."""
        return tuple(element.text() for element in self.each())

    def text_map(self, only: Collection[str] | None = None) -> dict[str, str]:
        """A map of strings to strings (labels, annotations, selectors), or of it ``only`` some keys."""
        return {key: value.text() for key, value in self.entries() if only is None or key in only}

    def one_of(self, choices: type[_Choice], default: _Choice) -> _Choice:
        """A member of an enumeration."""
        text = self.text(default)
        try:
            return choices(text)
        except ValueError as err:
            raise self.error(f"must be one of {', '.join(choices)}, not {shown(text)}") from err


def root(obj: KubeObject, kind: str) -> Field:
    """The object as a whole, named ``Pod shop/api-7d`` in errors."""
    metadata = obj.get("metadata")
    name, namespace = "", ""
    if isinstance(metadata, dict):
        name, namespace = str(metadata.get("name") or ""), str(metadata.get("namespace") or "")
    place = f"{namespace}/{name}" if namespace else name
    printable = place.encode("utf-8", "backslashreplace").decode()
    return Field(obj, f"{kind} {printable or 'without a name'}")


def _is_text(text: str) -> bool:
    """JSON can write half a surrogate pair, which is no text and cannot be printed."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def shown(value: object) -> str:
    """A value as an error message shows it: short, whatever it is."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
