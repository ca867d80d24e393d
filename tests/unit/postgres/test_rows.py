"""Rows become records and records become parameters."""

from collections.abc import Iterable
from typing import Any

from adapters.postgres.ids import new_id
from adapters.postgres.rows import columns_of, read, values_of
from domain.commands import AgentActionKind
from domain.events import EventPriority
from domain.templates import DEFAULT_TEMPLATES, TemplateSpec
from domain.work import AgentAction, InboxEvent
from tests.unit.postgres.builders import make_action, make_cluster, make_event


class Plain:
    """A row as the driver gives it: text and numbers, lists for arrays."""

    def __init__(self, record: object) -> None:
        self._values = {name: _plain(value) for name, value in values_of(record).items()}

    def __getitem__(self, column: str) -> Any:
        return self._values[column]

    def items(self) -> Iterable[tuple[str, Any]]:
        return self._values.items()


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, str):
        return str(value)
    return int(value) if isinstance(value, EventPriority) else value


def test_a_record_comes_back_from_its_row_with_its_own_types() -> None:
    action, event = make_action(make_cluster(new_id())), make_event(make_cluster(new_id()))
    assert read(AgentAction, Plain(action)) == action
    assert isinstance(read(AgentAction, Plain(action)).kind, AgentActionKind)
    assert isinstance(read(InboxEvent, Plain(event)).priority, EventPriority)
    assert read(TemplateSpec, Plain(DEFAULT_TEMPLATES[0])) == DEFAULT_TEMPLATES[0]


def test_records_become_one_list_for_each_column() -> None:
    cluster = make_cluster(new_id())
    first, second = make_event(cluster, "a"), make_event(cluster, "b")
    assert columns_of([first, second])["event_id"] == ["a", "b"]
    assert columns_of([]) == {}


def test_ids_are_of_version_7_and_grow_with_time() -> None:
    ids = [new_id() for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert {(made.version, made.variant) for made in ids} == {(7, "specified in RFC 4122")}
    assert [made.int >> 80 for made in ids] == sorted(made.int >> 80 for made in ids)
