"""The mirror has the hash and tells the changes of the set that the service keeps."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.watching.mirror import Change, Mirror
from domain.delta import MAX_OBJECT_BYTES, BaseMismatchError, Delta, ObjectSet, apply_delta
from tests.unit.agent.objects import config_map, node, pod


def names(count: int) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"n{count}", "labels": {"v": str(count)}}}


def delta_of(change: Change) -> Delta:
    upserts = tuple(json.loads(text) for text in change.texts())
    return Delta(base=change.base or "0" * 32, result=change.result, upserts=upserts, deletes=change.deletes)


def test_the_hash_is_that_of_the_redacted_set() -> None:
    mirror = Mirror()
    mirror.put(node())
    mirror.put(pod())
    texts = [json.loads(text) for text in mirror.begin().texts()]
    assert mirror.hash == ObjectSet.of(texts).hash
    assert "hush" not in json.dumps(texts)
    assert (mirror.count("Pod"), len(mirror)) == (1, 2)


def test_everything_goes_first_and_then_what_has_changed() -> None:
    mirror = Mirror()
    mirror.put(node())
    mirror.put(pod())
    first = mirror.begin()
    assert (first.base, len(first.packed)) == (None, 2)
    mirror.confirm(first)
    mirror.put(pod("api-2"))
    mirror.remove("Pod/shop/api-1")
    second = mirror.begin()
    assert second.base == first.result
    assert (len(second.packed), second.deletes) == (1, ("Pod/shop/api-1",))


def test_a_change_that_only_the_cluster_may_know_is_no_change() -> None:
    mirror = Mirror()
    mirror.put(node())
    mirror.confirm(mirror.begin())
    beaten = node()
    beaten["status"]["conditions"][0]["lastHeartbeatTime"] = "2026-01-01T00:05:00Z"
    mirror.put(beaten)
    assert mirror.begin().keys == frozenset()


def test_what_was_not_taken_goes_with_the_next_change() -> None:
    mirror = Mirror()
    mirror.put(node())
    mirror.confirm(mirror.begin())
    mirror.put(pod("api-1"))
    lost = mirror.begin()
    mirror.put(pod("api-2"))
    mirror.abandon(lost)
    assert mirror.begin().keys == {"Pod/shop/api-1", "Pod/shop/api-2"}


def test_a_change_keeps_its_moment_while_objects_go_on_changing() -> None:
    mirror = Mirror()
    mirror.put(node())
    change = mirror.begin()
    mirror.put(node(unschedulable=True))
    mirror.put(pod())
    (text,) = change.texts()
    assert ObjectSet.of([json.loads(text)]).hash == change.result
    mirror.confirm(change)
    assert mirror.begin().keys == {"Node//n1", "Pod/shop/api-1"}


def test_a_forgotten_base_sends_everything() -> None:
    mirror = Mirror()
    mirror.put(node())
    mirror.confirm(mirror.begin())
    mirror.forget_base()
    change = mirror.begin()
    assert (change.base, len(change.packed)) == (None, 1)


def test_a_new_list_drops_what_it_does_not_have() -> None:
    mirror = Mirror()
    for name in ("n1", "n2"):
        mirror.put(node(name))
    mirror.put(pod())
    assert mirror.keep_only("Node", {"Node//n2"}) == ["Node//n1"]
    assert (mirror.count("Node"), mirror.count("Pod")) == (1, 1)


def test_an_object_that_is_too_large_is_left_out_and_keeps_back_no_other() -> None:
    mirror = Mirror()
    large = pod("large")
    large["metadata"]["labels"] = {"a": "x" * MAX_OBJECT_BYTES}
    mirror.put(large)
    mirror.put(pod())
    assert len(mirror) == 1
    mirror.put(pod("large"))
    assert len(mirror) == 2
    mirror.put(large)
    assert len(mirror) == 1


def test_kinds_that_planning_does_not_read_stay_at_home() -> None:
    mirror = Mirror()
    mirror.put(config_map("c"))
    assert len(mirror) == 0


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 5), st.integers(0, 3)),
        st.tuples(st.just("remove"), st.integers(0, 5), st.just(0)),
        st.tuples(st.sampled_from(["begun", "sent", "lost", "arrived but lost", "forgotten"]), st.just(0), st.just(0)),
    ),
    max_size=40,
)


class Wire:
    """A mirror, the service's set, and the change that is on its way."""

    def __init__(self) -> None:
        self.mirror = Mirror()
        self.theirs = ObjectSet.of([])
        self.change: Change | None = None

    def begin(self) -> None:
        self.change = self.change or self.mirror.begin()

    def arrive(self) -> bool:
        """The service takes the change; whether it could."""
        assert self.change is not None
        base = ObjectSet.of([]) if self.change.base is None else self.theirs
        try:
            self.theirs = apply_delta(base, delta_of(self.change))
        except BaseMismatchError:
            return False
        return True

    def end(self, *, heard: bool) -> None:
        """The agent hears that it arrived, or does not."""
        change, self.change = self.change, None
        assert change is not None
        if heard:
            self.mirror.confirm(change)
        self.mirror.abandon(change)

    def send(self) -> None:
        """Send what is there, as the courier does."""
        self.begin()
        if self.arrive():
            self.end(heard=True)
        else:
            self.end(heard=False)
            self.mirror.forget_base()

    def step(self, what: str, number: int, value: int) -> None:
        match what:
            case "put":
                namespace = names(number)
                namespace["metadata"]["labels"] = {"v": str(value)}
                self.mirror.put(namespace)
            case "remove":
                self.mirror.remove(f"Namespace//n{number}")
            case "begun":
                self.begin()
            case "sent":
                self.send()
            case "lost" | "arrived but lost":
                self.begin()
                if what != "lost":
                    self.arrive()
                self.end(heard=False)
            case "forgotten":
                self.mirror.forget_base()


@given(STEPS)
def test_the_service_always_ends_with_the_same_set(steps: list[tuple[str, int, int]]) -> None:
    wire = Wire()
    for what, number, value in steps:
        wire.step(what, number, value)
    for _ in range(3):  # one that was begun before, one after it, and everything where that did not fit
        wire.send()
    assert wire.theirs.hash == wire.mirror.hash


def test_more_that_has_gone_than_there_is_sends_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.watching.mirror.MAX_GONE", 3)
    mirror = Mirror()
    mirror.confirm(mirror.begin())
    for number in range(10):
        mirror.put(names(number))
        mirror.remove(f"Namespace//n{number}")
    mirror.put(node())
    change = mirror.begin()
    assert (change.base, change.deletes, len(change.packed)) == (None, (), 1)


def test_a_base_that_is_forgotten_while_a_change_is_on_its_way_stays_forgotten() -> None:
    mirror = Mirror()
    mirror.put(node())
    mirror.confirm(mirror.begin())
    mirror.put(pod())
    change = mirror.begin()
    mirror.forget_base()
    mirror.confirm(change)
    assert mirror.begin().base is None
