import contextlib
import gzip
import json
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.catalog import load_catalog
from adapters.catalog.book import dump_book, parse_book, read_book, write_book
from adapters.catalog.figures import Advice, RegionFigures, unpack_region
from adapters.catalog.records import FORMAT
from domain.errors import InputError
from tests.unit.catalog.builders import REGION, A, B, make_book, make_figures, make_types

NAMES = sorted(make_types())
PRICES = st.integers(min_value=1, max_value=10**9)
ADVICE = st.builds(Advice, saving_percent=st.integers(-100, 99), bucket=st.integers(0, 4))
OFFERED = st.sets(st.sampled_from([A.id, B.id]), min_size=1).map(frozenset)


@st.composite
def figures(draw: st.DrawFn) -> RegionFigures:
    offered = draw(st.dictionaries(st.sampled_from(NAMES), OFFERED, min_size=1))
    some = st.sampled_from(sorted(offered))
    return make_figures(
        offered=offered,
        on_demand_micro_usd=draw(st.dictionaries(some, PRICES)),
        advice=draw(st.dictionaries(some, ADVICE)),
        spot_micro_usd=draw(st.dictionaries(st.tuples(some, st.sampled_from([A.id, B.id])), PRICES)),
    )


@cache
def good_lines() -> tuple[str, ...]:
    return tuple(gzip.decompress(dump_book(make_book())).decode().splitlines())


def lines_of(*changes: tuple[int, dict]) -> bytes:
    """The lines of a good catalogue, with fields of some (numbered from 1) changed; ``None`` takes a field out."""
    lines = [json.loads(line) for line in good_lines()]
    for number, fields in changes:
        changed = lines[number - 1] | fields
        lines[number - 1] = {key: value for key, value in changed.items() if value is not None}
    return "\n".join(json.dumps(line) for line in lines).encode()


def first_line_of(kind: str, **fields: object) -> int:
    lines = [json.loads(line) for line in good_lines()]
    return next(n for n, line in enumerate(lines, 1) if line["kind"] == kind and line.items() >= fields.items())


def refusal(data: bytes) -> str:
    with pytest.raises(InputError) as caught:
        parse_book(data, name="test")
    return str(caught.value)


@given(figures())
def test_figures_come_back_exactly_as_they_were_packed(before: RegionFigures) -> None:
    book = parse_book(dump_book(make_book(before)), name="test")
    assert unpack_region(book, REGION) == before


def test_prices_that_follow_the_vcpus_pack_into_one_figure() -> None:
    packed = {family.family: family for family in make_book().regions[REGION].figures}
    assert packed["m6i"].nano_usd_per_vcpu == 50_000_000
    assert packed["m6i"].micro_usd == {}


def test_a_price_out_of_line_is_kept_as_an_exception() -> None:
    prices = {"m6i.large": 100_000, "m6i.xlarge": 200_000, "m6i.metal": 7_000_001}
    before = make_figures(offered=dict.fromkeys(prices, frozenset({A.id})), on_demand_micro_usd=prices)
    (packed,) = make_book(before).regions[REGION].figures
    assert packed.micro_usd == {"metal": 7_000_001}


def test_figures_of_types_without_specification_are_dropped() -> None:
    before = make_figures(offered={"m6i.large": frozenset({A.id}), "x9.huge": frozenset({A.id})})
    assert set(unpack_region(make_book(before), REGION).offered) == {"m6i.large"}


def test_the_same_catalogue_gives_the_same_bytes() -> None:
    assert dump_book(make_book()) == dump_book(make_book())


def test_plain_text_is_read_as_well_as_gzip() -> None:
    assert parse_book(lines_of(), name="test").types == parse_book(dump_book(make_book()), name="test").types


def test_writing_replaces_the_file_and_leaves_no_draft_behind(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "catalog.jsonl.gz"
    write_book(make_book(), path)
    write_book(make_book(), path)
    assert [file.name for file in path.parent.iterdir()] == ["catalog.jsonl.gz"]
    assert read_book(path).header.specs_as_of == date(2026, 10, 1)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match=r"file/catalog\.gz: cannot be written"):
        write_book(make_book(), tmp_path / "file" / "catalog.gz")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.gz: cannot be read"):
        read_book(tmp_path / "nowhere.gz")


def test_a_torn_gzip_file_is_refused() -> None:
    assert "damaged gzip" in refusal(dump_book(make_book())[:-20])


def test_bytes_that_are_no_text_are_refused() -> None:
    assert "byte 1: is not UTF-8" in refusal(b"a\xff\xfe")


def test_an_empty_file_is_refused() -> None:
    assert "the header is missing" in refusal(b"")


def test_a_line_that_is_not_json_is_named() -> None:
    assert "line 3: Invalid JSON" in refusal(b"\n\n{nonsense")


def test_a_file_of_another_format_is_refused() -> None:
    assert f"line 1: format: is 99, this version reads {FORMAT}" in refusal(lines_of((1, {"format": 99})))


def test_a_file_that_does_not_begin_with_the_header_is_refused() -> None:
    assert "line 1: the first line must be the header" in refusal(b"\n".join(lines_of().splitlines()[1:]))


def test_a_second_header_is_refused() -> None:
    lines = lines_of().splitlines()
    assert "line 2: a second header" in refusal(b"\n".join([lines[0], *lines]))


@pytest.mark.parametrize(
    ("kind", "field", "value", "told"),
    [
        ("type", "vcpu", "four", "vcpu: Input should be a valid integer"),
        ("type", "vcpu", 0, "vcpu: Input should be greater than 0"),
        ("type", "memory_mib", None, "memory_mib: Field required"),
        ("type", "arch", "vax", "arch: Input should be 'amd64' or 'arm64'"),
        ("type", "colour", "red", "colour: Extra inputs are not permitted"),
        ("type", "name", "nodot", "name: String should match pattern"),
        ("figures", "bucket", [7], "bucket.0: Input should be less than or equal to 4"),
        ("figures", "saving_percent", [100], "saving_percent.0: Input should be less than 100"),
        ("figures", "zones", [1, 1, 1, 1], "zones has 4 entries for"),
        ("figures", "micro_usd", {"9xlarge": 5}, "prices name sizes that are not listed: 9xlarge"),
        ("figures", "sizes", ["9xlarge"], "sizes.0: c8g.9xlarge has no type line"),
        ("figures", "zones", [4], "zones.0: names more than the 2 zones"),
        ("figures", "spot_micro_usd", [[1, 2, 3]], "spot_micro_usd.0: has 3 prices for 2 zones"),
        ("figures", "nano_usd_per_vcpu", None, "nano_usd_per_vcpu: is missing"),
        ("figures", "nano_usd_per_vcpu", 999, "nano_usd_per_vcpu: Input should be greater than or equal to 1000"),
        ("figures", "micro_usd", {"large": 10**400}, "micro_usd.large: Input should be less than or equal to"),
        ("region", "zones", [{"id": "a", "name": "a"}, {"id": "a", "name": "b"}], "a zone id appears twice"),
        ("figures", "region", "mars-1", "region: mars-1 has no region line before this"),
    ],
)
def test_a_malformed_field_is_named_with_its_line(kind: str, field: str, value: object, told: str) -> None:
    number = first_line_of(kind)
    message = refusal(lines_of((number, {field: value})))
    assert f"line {number}" in message
    assert told in message


FIGURES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=3), st.lists(st.integers(0, 9), max_size=3)
)


@given(st.data())
def test_a_file_with_a_wrong_figure_loads_or_is_refused_and_nothing_else(
    tmp_path_factory: Any, data: st.DataObject
) -> None:
    lines = [json.loads(line) for line in good_lines()]
    number = data.draw(st.integers(1, len(lines)))
    field = data.draw(st.sampled_from(sorted(lines[number - 1])))
    path = tmp_path_factory.getbasetemp() / "wrong.jsonl"
    path.write_bytes(lines_of((number, {field: data.draw(FIGURES)})))
    with contextlib.suppress(InputError):
        load_catalog(REGION, path=path)


def test_a_line_given_twice_is_refused() -> None:
    lines = lines_of().splitlines()
    assert "line 3: c8g.large appears twice" in refusal(b"\n".join([*lines[:2], *lines[1:]]))
