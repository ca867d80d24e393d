"""Sets of objects: one hash whatever the order, and deltas that lead exactly where they say."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.delta import EMPTY, BaseMismatchError, Delta, ObjectSet, apply_delta, key_of, make_delta
from domain.errors import InputError

Json = dict[str, Any]


def thing(name: str, *, kind: str = "Pod", **spec: object) -> Json:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": "shop"}, "spec": spec}


names = st.sampled_from(["a", "b", "c", "d", "é", "x/y"])
values = st.none() | st.booleans() | st.integers() | st.text(max_size=6) | st.floats(-1e30, 1e30)
objects = st.dictionaries(
    names, st.dictionaries(st.text(max_size=4), st.lists(values, max_size=3), max_size=3), max_size=5
).map(lambda several: [thing(name, value=value) for name, value in several.items()])


def by_key(several: ObjectSet) -> dict[str, Json]:
    return {key_of(one): one for one in several.objects()}


@given(objects)
def test_a_set_gives_back_what_was_put_in(several: list[Json]) -> None:
    assert by_key(ObjectSet.of(several)) == {key_of(one): one for one in several}


@given(objects, st.randoms())
def test_the_order_does_not_matter(several: list[Json], random: Any) -> None:
    shuffled = list(several)
    random.shuffle(shuffled)
    assert ObjectSet.of(shuffled).hash == ObjectSet.of(several).hash
    assert ObjectSet.of(shuffled) == ObjectSet.of(several)


@given(objects, objects)
def test_a_delta_leads_from_one_set_to_the_other(before: list[Json], after: list[Json]) -> None:
    old, new = ObjectSet.of(before), ObjectSet.of(after)
    reached = apply_delta(old, make_delta(old, new))
    assert reached == new
    assert reached.hash == new.hash == ObjectSet.of(reached.objects()).hash


@given(objects, objects)
def test_equal_hashes_mean_equal_sets(one: list[Json], other: list[Json]) -> None:
    first, second = ObjectSet.of(one), ObjectSet.of(other)
    assert (first.hash == second.hash) == (first == second)


@given(objects, objects, objects)
def test_a_delta_is_refused_by_every_other_set(one: list[Json], two: list[Json], other: list[Json]) -> None:
    base, elsewhere = ObjectSet.of(one), ObjectSet.of(other)
    delta = make_delta(base, ObjectSet.of(two))
    if elsewhere != base:
        with pytest.raises(BaseMismatchError):
            apply_delta(elsewhere, delta)


@given(objects, objects)
def test_a_delta_holds_only_what_changed(before: list[Json], after: list[Json]) -> None:
    old, new = ObjectSet.of(before), ObjectSet.of(after)
    delta = make_delta(old, new)
    assert all(by_key(old).get(key_of(one)) != one for one in delta.upserts)
    assert set(delta.deletes) == by_key(old).keys() - by_key(new).keys()


@given(objects)
def test_a_set_survives_storage(several: list[Json]) -> None:
    stored = ObjectSet.of(several)
    assert ObjectSet.from_bytes(stored.to_bytes()) == stored


def test_a_delta_that_does_not_lead_to_its_hash_is_refused() -> None:
    old = ObjectSet.of([thing("a")])
    delta = make_delta(old, ObjectSet.of([thing("b")]))
    with pytest.raises(BaseMismatchError):
        apply_delta(old, replace(delta, upserts=(thing("c"),)))


def test_a_delta_that_was_sent_twice_is_refused_the_second_time() -> None:
    old, new = ObjectSet.of([thing("a")]), ObjectSet.of([thing("b")])
    delta = make_delta(old, new)
    with pytest.raises(BaseMismatchError):
        apply_delta(apply_delta(old, delta), delta)


def test_an_empty_delta_changes_nothing() -> None:
    several = ObjectSet.of([thing("a")])
    delta = make_delta(several, several)
    assert delta == Delta(base=several.hash, result=several.hash, upserts=(), deletes=())
    assert apply_delta(several, delta) == several


def test_the_empty_set_has_the_hash_nought() -> None:
    assert EMPTY.hash == "0" * 32
    assert ObjectSet.of([]) == EMPTY


@pytest.mark.parametrize(
    "broken", [{}, {"kind": "Pod"}, {"kind": 1, "metadata": {"name": "a"}}, {"kind": "Pod", "metadata": {"name": ""}}]
)
def test_an_object_without_kind_or_name_is_refused(broken: Json) -> None:
    with pytest.raises(InputError, match="is missing"):
        ObjectSet.of([broken])


def test_an_object_that_comes_twice_is_refused() -> None:
    with pytest.raises(InputError, match="appears twice"):
        ObjectSet.of([thing("a"), thing("a")])


def test_an_object_that_is_too_large_is_refused() -> None:
    with pytest.raises(InputError, match="bytes, more than"):
        ObjectSet.of([thing("a", padding="x" * (256 << 10))])


@pytest.mark.parametrize("value", [float("nan"), "\ud800"])
def test_what_is_no_json_is_refused(value: object) -> None:
    with pytest.raises(InputError, match="is no JSON"):
        ObjectSet.of([thing("a", value=value)])


@pytest.mark.parametrize("stored", [b"", b"nothing", ObjectSet.of([thing("a")]).to_bytes()[:-3]])
def test_a_damaged_store_is_refused(stored: bytes) -> None:
    with pytest.raises(InputError, match="stored objects"):
        ObjectSet.from_bytes(stored)


def test_objects_survive_the_wire_byte_for_byte() -> None:
    several = ObjectSet.of([thing("a", share=0.1, large=1e22, tiny=5e-324, text="é\n")])
    assert ObjectSet.of(json.loads(json.dumps(list(several.objects())))).hash == several.hash
