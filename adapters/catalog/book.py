"""Reading and writing catalogue files: gzip-packed lines of records."""

import gzip
import io
import json
import os
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from adapters.catalog.records import FORMAT, AnyRecord, FamilyFigures, Header, Record, RegionRecord, TypeSpec
from domain.errors import InputError

BASELINE = Path(__file__).with_name("baseline.jsonl.gz")
"""The catalogue carried in the package."""

MAX_UNPACKED_BYTES = 256 << 20
"""More than any real catalogue by a factor of fifty: stops a file that unpacks without end."""

V = TypeVar("V")
_GZIP_MAGIC = b"\x1f\x8b"
_RECORDS: TypeAdapter[Header | TypeSpec | RegionRecord | FamilyFigures] = TypeAdapter(AnyRecord)


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedRegion:
    """The records of one region as they stand in the file."""

    record: RegionRecord
    figures: tuple[FamilyFigures, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """A catalogue file in memory: specifications for all, figures by region, still packed."""

    name: str
    header: Header
    types: Mapping[str, TypeSpec]
    regions: Mapping[str, PackedRegion]


def read_book(path: Path) -> Book:
    """Read a catalogue file, gzip-packed or plain.

    Raises
    ------
    InputError
        When it cannot be read or is malformed; names the line and the field.
    """
    try:
        return parse_book(path.read_bytes(), name=str(path))
    except OSError as err:
        raise InputError(f"catalogue {path}", "", f"cannot be read: {err.strerror or err}") from err


@cache
def baseline_book() -> Book:
    """The catalogue carried in the package, read once."""
    return read_book(BASELINE)


def parse_book(data: bytes, *, name: str) -> Book:
    """A catalogue file from its bytes; ``name`` is what errors call it. Raises as `read_book` does."""
    catalogue = f"catalogue {name}"
    header: Header | None = None
    types: dict[str, TypeSpec] = {}
    regions: dict[str, RegionRecord] = {}
    figures: dict[str, dict[str, FamilyFigures]] = {}
    for number, record in _records(_unpacked(data, catalogue), catalogue):
        where = f"line {number}"
        if header is None and not isinstance(record, Header):
            raise InputError(catalogue, where, "the first line must be the header")
        match record:
            case Header():
                header = _only_header(record, header, catalogue=catalogue, where=where)
            case TypeSpec():
                _put_once(types, record.name, record, catalogue=catalogue, where=where)
            case RegionRecord():
                _put_once(regions, record.region, record, catalogue=catalogue, where=where)
                figures[record.region] = {}
            case FamilyFigures():
                if record.region not in regions:
                    raise InputError(catalogue, f"{where}: region", f"{record.region} has no region line before this")
                _check_against(record, types, regions[record.region], catalogue=catalogue, where=where)
                _put_once(figures[record.region], record.family, record, catalogue=catalogue, where=where)
    if header is None:
        raise InputError(catalogue, "line 1", "is empty: the header is missing")
    packed = {r: PackedRegion(record=record, figures=tuple(figures[r].values())) for r, record in regions.items()}
    return Book(name=catalogue, header=header, types=types, regions=packed)


def dump_book(book: Book) -> bytes:
    """The bytes of a catalogue file: same content, same bytes (no time stamp inside)."""
    types = sorted(book.types.values(), key=lambda t: (t.family, t.vcpu, t.memory_mib, t.name))
    records: list[Record] = [book.header, *types]
    for _, region in sorted(book.regions.items()):
        records += [region.record, *sorted(region.figures, key=lambda f: f.family)]
    return gzip.compress("".join(map(_line, records)).encode(), compresslevel=9, mtime=0)


def write_book(book: Book, path: Path) -> None:
    """Write a catalogue file in one step: readers see the old one or the new one, never half of it.

    Raises
    ------
    InputError
        When the place cannot be written to.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(dump_book(book))
        draft.replace(path)
    except OSError as err:
        raise InputError(f"catalogue {path}", "", f"cannot be written: {err.strerror or err}") from err


def _line(record: Record) -> str:
    body = record.model_dump(mode="json", exclude_defaults=True)
    return json.dumps({"kind": getattr(record, "kind", ""), **body}, separators=(",", ":")) + "\n"


def _unpacked(data: bytes, catalogue: str) -> str:
    try:
        if data.startswith(_GZIP_MAGIC):
            with gzip.open(io.BytesIO(data)) as stream:
                data = stream.read(MAX_UNPACKED_BYTES + 1)
        if len(data) > MAX_UNPACKED_BYTES:
            raise InputError(catalogue, "", f"unpacks to more than {MAX_UNPACKED_BYTES >> 20} MiB")
        return data.decode("utf-8")
    except (OSError, EOFError, zlib.error) as err:
        raise InputError(catalogue, "", f"is a damaged gzip file: {err}") from err
    except UnicodeDecodeError as err:
        raise InputError(catalogue, f"byte {err.start}", "is not UTF-8 text, nor is the file gzip-packed") from err


def _records(text: str, catalogue: str) -> Iterator[tuple[int, Header | TypeSpec | RegionRecord | FamilyFigures]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            yield number, _RECORDS.validate_json(line)
        except ValidationError as err:
            first = err.errors(include_url=False)[0]
            # The first part of a location in a union is the kind that was chosen, which is no field of the line.
            field = ".".join(str(part) for part in first["loc"][1:])
            where = f"line {number}: {field}" if field else f"line {number}"
            raise InputError(catalogue, where, first["msg"]) from err


def _only_header(record: Header, earlier: Header | None, *, catalogue: str, where: str) -> Header:
    if earlier is not None:
        raise InputError(catalogue, where, "a second header")
    if record.format != FORMAT:
        raise InputError(catalogue, f"{where}: format", f"is {record.format}, this version reads {FORMAT}")
    return record


def _put_once(store: dict[str, V], key: str, value: V, *, catalogue: str, where: str) -> None:
    if key in store:
        raise InputError(catalogue, where, f"{key} appears twice")
    store[key] = value


def _check_against(
    figures: FamilyFigures, types: Mapping[str, TypeSpec], region: RegionRecord, *, catalogue: str, where: str
) -> None:
    for index, size in enumerate(figures.sizes):
        if f"{figures.family}.{size}" not in types:
            raise InputError(catalogue, f"{where}: sizes.{index}", f"{figures.family}.{size} has no type line")
        if figures.zones[index] >= 1 << len(region.zones):
            raise InputError(catalogue, f"{where}: zones.{index}", f"names more than the {len(region.zones)} zones")
    for index, prices in enumerate(figures.spot_micro_usd):
        if len(prices) != len(region.zones):
            problem = f"has {len(prices)} prices for {len(region.zones)} zones"
            raise InputError(catalogue, f"{where}: spot_micro_usd.{index}", problem)
    priced = len(figures.micro_usd) + len(figures.unpriced)
    if figures.nano_usd_per_vcpu is None and priced < len(figures.sizes):
        raise InputError(catalogue, f"{where}: nano_usd_per_vcpu", "is missing, and a size needs it for its price")
