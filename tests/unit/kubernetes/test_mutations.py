"""Whatever happens to a dump, the reader answers with a snapshot or an `InputError`."""

import copy
import io
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.kubernetes.documents import read_documents
from adapters.kubernetes.prune import prune
from adapters.kubernetes.snapshot import snapshot_from_objects
from domain.errors import InputError
from domain.snapshot import Snapshot
from tests.unit.kubernetes.kube import Json

FIXTURES = Path(__file__).parents[2] / "fixtures" / "kubernetes"
DUMPS: dict[str, list[Json]] = {
    name: json.loads((FIXTURES / f"{name}.json").read_text())["items"] for name in ("eks", "gke")
}
Place = tuple[Any, Any]

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
WORDS = st.sampled_from(
    ["", "1", "-1", "50%", "Exists", "In", "NoSchedule", "Always", "node-1", "1Gi", "DoNotSchedule"]
)
VALUES = st.recursive(
    SCALARS | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any) -> Iterator[Place]:
    """Every place inside a value as (container, key)."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        yield value, key
        yield from places(member)


def read(objects: list[Json]) -> Snapshot | None:
    try:
        return snapshot_from_objects(objects)
    except InputError as error:
        return None if error.obj and error.problem else pytest.fail(f"an error that says too little: {error!r}")


@pytest.mark.parametrize("name", sorted(DUMPS))
@given(data=st.data())
def test_a_mutated_dump_gives_a_snapshot_or_an_input_error(name: str, data: st.DataObject) -> None:
    objects = copy.deepcopy(DUMPS[name])
    for _ in range(data.draw(st.integers(1, 4))):
        container, key = data.draw(st.sampled_from(list(places(objects))))
        if data.draw(st.booleans()):
            container[key] = data.draw(VALUES)
        else:
            del container[key]
        if not all(isinstance(obj, dict) for obj in objects):
            return
    slim = [prune(copy.deepcopy(obj)) for obj in objects]
    whole, short = read(objects), read(slim)
    assert whole == short, "what is dropped on reading must not matter"


TEXT = json.dumps({"kind": "List", "items": DUMPS["gke"][:3]}).encode()


@given(data=st.data())
def test_a_damaged_text_gives_objects_or_an_input_error(data: st.DataObject) -> None:
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(TEXT))] * 2)))
    damage = data.draw(st.binary(max_size=6) | st.sampled_from([b"{", b"}", b"]", b'"', b",", b"null", b"\\ud800"]))
    text = TEXT[:start] + damage + TEXT[end:]
    with suppress(InputError):
        objects = read_documents(["-"], stdin=io.BytesIO(text))
        read(objects)


@pytest.mark.parametrize("name", sorted(DUMPS))
def test_every_field_may_be_missing_or_of_another_type(name: str) -> None:
    refused = 0
    values: tuple[object, ...] = (None, 7, [], {"x": [[]]})
    for index, obj in enumerate(DUMPS[name]):
        for number, _ in enumerate(places(obj)):
            for value in (values[number % 4], values[(number + 1) % 4]):
                mutant = copy.deepcopy(obj)
                container, key = list(places(mutant))[number]
                container[key] = value
                refused += read([*DUMPS[name][:index], mutant, *DUMPS[name][index + 1 :]]) is None
    assert refused > 100


def test_an_annotation_that_nobody_reads_may_be_anything() -> None:
    objects = copy.deepcopy(DUMPS["eks"])
    for obj in objects:
        obj["metadata"]["annotations"] = {"team.example.com/notes": []}
    assert read(objects) == read([prune(copy.deepcopy(obj)) for obj in objects]) is not None
