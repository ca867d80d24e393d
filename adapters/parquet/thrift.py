"""Thrift's compact protocol, as far as Parquet's footers need it (thrift-compact-protocol.md, read 2026-10)."""

from collections.abc import Sequence
from typing import Any

_I32, _I64, _BINARY, _LIST, _STRUCT = 5, 6, 8, 9, 12

Field = tuple[int, Any]
"""Number of a field and its value: `I64`, int (32 bits), str, a list, or a `Struct`."""


class I64(int):
    """A number that is written as 64 bits wide."""


class Struct:
    """A struct: fields in the order of their numbers; ``None`` is left out."""

    __slots__ = ("fields",)

    def __init__(self, *fields: Field) -> None:
        self.fields = tuple(field for field in fields if field[1] is not None)


def dumps(struct: Struct) -> bytes:
    """The bytes of a struct."""
    out = bytearray()
    last = 0
    for number, value in struct.fields:
        kind = _kind(value)
        delta = number - last
        if 0 < delta < 16:
            out.append(delta << 4 | kind)
        else:
            out.append(kind)
            out += _zigzag(number)
        last = number
        out += _value(value)
    out.append(0)
    return bytes(out)


def _kind(value: Any) -> int:
    if isinstance(value, I64):
        return _I64
    if isinstance(value, int):
        return _I32
    if isinstance(value, str):
        return _BINARY
    return _STRUCT if isinstance(value, Struct) else _LIST


def _value(value: Any) -> bytes:
    if isinstance(value, int):
        return _zigzag(value)
    if isinstance(value, str):
        raw = value.encode()
        return _varint(len(raw)) + raw
    return dumps(value) if isinstance(value, Struct) else _list(value)


def _list(values: Sequence[Any]) -> bytes:
    kind = _kind(values[0]) if values else _STRUCT
    head = bytes([len(values) << 4 | kind]) if len(values) < 15 else bytes([0xF0 | kind]) + _varint(len(values))
    return head + b"".join(_value(value) for value in values)


def _zigzag(number: int) -> bytes:
    return _varint(number << 1 if number >= 0 else (-number << 1) - 1)


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
