"""Messages are strict and bounded, and what is wrong is named."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from domain.commands import AgentActionKind
from domain.errors import InputError
from domain.events import (
    EventPriority,
    NodeNotReady,
    OomKilled,
    PodPending,
    RebalanceRecommendation,
    SpotAction,
    SpotInterruption,
    in_utc,
    priority_of,
)
from domain.market import Pool
from domain.signing import SignedAction
from domain.wire.actions import read_payload
from domain.wire.base import read_message, read_value
from domain.wire.events import EventSource, read_event, read_events
from domain.wire.messages import (
    ActionModel,
    EventsBody,
    Heartbeat,
    MetricsBody,
    PendingActions,
    RegisterRequest,
    ResultBody,
)
from domain.wire.protocol import PROTOCOL_HEADER, PROTOCOL_VERSION, ProtocolTooOldError, negotiate
from domain.wire.socket import AGENT_MESSAGE, SERVER_MESSAGE
from domain.workload import Owner

Json = dict[str, Any]
SOURCE = EventSource(cluster="c-1", region="us-east-1", zone_ids={"us-east-1a": "use1-az6"})
AT = datetime(2025, 12, 31, 18, tzinfo=UTC)
POOL = Pool(region="us-east-1", zone_id="use1-az6", instance_type="c5.xlarge")
INTERRUPTION: Json = {
    "event_id": "e-1",
    "event_type": "spot_interruption_warning",
    "instance_id": "i-0x123",
    "instance_type": "c5.xlarge",
    "availability_zone": "us-east-1a",
    "zone_id": "use1-az6",
    "region": "us-east-1",
    "timestamp": "2025-12-31T18:00:00Z",
    "warning_time": "2025-12-31T18:02:00Z",
}
METRICS: Json = {"metrics": {"timestamp": "2025-12-31T18:00:00Z", "nodes": [], "pods": []}, "events": []}


def without(raw: Json, *keys: str) -> Json:
    return {key: value for key, value in raw.items() if key not in keys}


def test_an_interruption_is_read() -> None:
    assert read_event(INTERRUPTION, SOURCE) == SpotInterruption(
        id="e-1",
        cluster="c-1",
        at=AT,
        instance_id="i-0x123",
        pool=POOL,
        terminate_at=AT + timedelta(minutes=2),
        action=SpotAction.TERMINATE,
    )


def test_an_interruption_that_does_not_say_when_ends_after_two_minutes() -> None:
    event = read_event(without(INTERRUPTION, "warning_time"), SOURCE)
    assert isinstance(event, SpotInterruption)
    assert event.terminate_at == AT + timedelta(minutes=2)


def test_the_zone_id_is_found_by_the_name_that_this_account_gives_the_zone() -> None:
    event = read_event(without(INTERRUPTION, "zone_id", "region"), SOURCE)
    assert isinstance(event, SpotInterruption)
    assert event.pool == POOL


def test_the_zone_id_wins_over_the_name() -> None:
    event = read_event(INTERRUPTION | {"zone_id": "use1-az2"}, SOURCE)
    assert isinstance(event, SpotInterruption)
    assert event.pool.zone_id == "use1-az2"


def test_times_of_other_zones_become_utc() -> None:
    event = read_event(INTERRUPTION | {"timestamp": "2025-12-31T19:00:00+01:00"}, SOURCE)
    assert (event.at, event.at.tzinfo) == (AT, UTC)


def test_the_other_events_are_read() -> None:
    common = {"event_id": "e", "timestamp": "2025-12-31T18:00:00Z"}
    pod = {"namespace": "shop", "pod_name": "api-1"}
    raw = [
        {**without(INTERRUPTION, "warning_time"), "event_type": "rebalance_recommendation"},
        {**common, **pod, "event_type": "oom_killed", "container": "api", "owner": {"kind": "Job", "name": "j"}},
        {**common, "event_type": "node_not_ready", "node_name": "n", "instance_type": "c5.xlarge",
         "zone_id": "use1-az6"},
        {**common, **pod, "event_type": "pod_pending", "message": "0/3 nodes are available: 3 Insufficient memory."},
    ]  # fmt: skip
    (rebalance, oom, not_ready, pending), refused = read_events(raw, SOURCE)
    assert refused == ()
    assert isinstance(rebalance, RebalanceRecommendation)
    assert isinstance(oom, OomKilled)
    assert oom.owner == Owner(kind="Job", name="j")
    assert isinstance(not_ready, NodeNotReady)
    assert not_ready.pool == POOL
    assert isinstance(pending, PodPending)
    assert pending.lacks_capacity


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"event_type": "meteor"}, "event_type"),
        ({"event_type": 5}, "event_type"),
        ({"event_id": ""}, "event_id"),
        ({"event_id": "a b"}, "event_id"),
        ({"event_id": "x" * 129}, "event_id"),
        ({"timestamp": "yesterday"}, "timestamp"),
        ({"timestamp": 1767204000}, "timestamp"),
        ({"timestamp": "1767204000"}, "timestamp"),
        ({"timestamp": "2025-12-31T18:00:00"}, "timestamp"),
        ({"instance_id": "db-1"}, "instance_id"),
        ({"instance_type": "huge"}, "instance_type"),
        ({"zone_id": "us-east-1a"}, "zone_id"),
        ({"zone_id": None, "availability_zone": "us-east-1f"}, "zone_id"),
        ({"zone_id": None, "availability_zone": None}, "zone_id"),
        ({"region": "eu-west-1"}, "region"),
        ({"action": "explode"}, "action"),
        ({"node_name": "a\x00b"}, "node_name"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_malformed_event_is_refused_with_its_field(change: Json, field: str) -> None:
    with pytest.raises(InputError) as caught:
        read_event(INTERRUPTION | change, SOURCE)
    assert caught.value.field == field
    assert caught.value.problem


@pytest.mark.parametrize("field", ["event_id", "timestamp", "instance_id", "instance_type"])
def test_a_missing_field_is_named(field: str) -> None:
    with pytest.raises(InputError) as caught:
        read_event(without(INTERRUPTION, field), SOURCE)
    assert caught.value.field == field


def test_one_bad_event_loses_none_of_the_others() -> None:
    read, refused = read_events([INTERRUPTION, {"event_type": "meteor"}, INTERRUPTION | {"event_id": "e-2"}], SOURCE)
    assert [event.id for event in read] == ["e-1", "e-2"]
    assert [(one.index, one.field) for one in refused] == [(1, "event_type")]


def test_interruptions_come_first_then_memory_then_the_rest() -> None:
    assert read_event(INTERRUPTION, SOURCE).priority is EventPriority.INTERRUPTION
    kinds = ["pod_pending", "meteor", "oom_killed", "spot_interruption_warning"]
    assert sorted(kinds, key=priority_of)[:2] == ["spot_interruption_warning", "oom_killed"]


def test_an_event_is_stale_after_five_minutes() -> None:
    event = read_event(INTERRUPTION, SOURCE)
    assert not event.is_stale(AT + timedelta(minutes=5))
    assert event.is_stale(AT + timedelta(minutes=5, seconds=1))
    assert not event.is_stale(AT - timedelta(hours=1))


def test_an_event_checks_itself() -> None:
    with pytest.raises(ValueError, match="UTC"):
        PodPending(id="e", cluster="c", at=AT.replace(tzinfo=None), namespace="n", pod="p")
    with pytest.raises(ValueError, match="id"):
        PodPending(id="", cluster="c", at=AT, namespace="n", pod="p")
    with pytest.raises(ValueError, match="zone"):
        in_utc(AT.replace(tzinfo=None))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"metrics": None}, "metrics"),
        ({"metrics": {**METRICS["metrics"], "nodes": [{"name": "n", "cpu_mcpu": -1, "memory_bytes": 0}]}},
         "metrics.nodes[0].cpu_mcpu"),
        ({"metrics": {**METRICS["metrics"], "nodes": [{"name": "n", "cpu_mcpu": "1", "memory_bytes": 0}]}},
         "metrics.nodes[0].cpu_mcpu"),
        ({"events": [1]}, "events[0]"),
        ({"events": [{}] * 1001}, "events"),
        ({"objects": {"mode": "some"}}, "objects"),
        ({"objects": {"mode": "full", "hash": "xyz", "items": []}}, "objects.full.hash"),
        ({"more": 1}, "more"),
    ],
)  # fmt: skip
def test_a_malformed_metrics_body_is_refused_with_its_field(change: Json, field: str) -> None:
    with pytest.raises(InputError) as caught:
        read_message(MetricsBody, json.dumps(METRICS | change), what="metrics body")
    assert (caught.value.obj, caught.value.field) == ("metrics body", field)


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", b"\xff", b'{"a":NaN}', b"[" * 100_000])
def test_what_is_no_json_object_is_refused(raw: bytes) -> None:
    with pytest.raises(InputError):
        read_message(MetricsBody, raw, what="metrics body")


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "mode", "events", "event_type", "status", "x"]), inner, max_size=4)
    ),
    max_leaves=10,
)


@pytest.mark.parametrize("model", [MetricsBody, EventsBody, RegisterRequest, Heartbeat, ResultBody, PendingActions])
@given(value=ANY_JSON)
def test_nothing_but_an_input_error_comes_of_any_json(model: type[BaseModel], value: object) -> None:
    with pytest.raises(InputError):
        read_message(model, json.dumps(value), what="body")


@given(value=ANY_JSON)
def test_nothing_but_a_refusal_comes_of_any_event(value: object) -> None:
    if isinstance(value, dict):
        assert read_events([value, {**INTERRUPTION, **value}], SOURCE)


@given(value=ANY_JSON)
def test_nothing_but_an_input_error_comes_of_any_socket_message(value: object) -> None:
    with pytest.raises(InputError):
        read_value(AGENT_MESSAGE, json.dumps(value), what="message")


def test_each_side_reads_only_what_the_other_may_send() -> None:
    assert read_value(SERVER_MESSAGE, '{"type":"command"}', what="message")
    with pytest.raises(InputError):
        read_value(AGENT_MESSAGE, '{"type":"command"}', what="message")


def test_a_signed_action_survives_the_wire() -> None:
    action = SignedAction(
        cluster="c", id="a", type="evict_pod", payload={"namespace": "n", "pod": "p"}, expires_at=AT, nonce="n",
        key_id="k", signature="00",
    )  # fmt: skip
    assert read_message(ActionModel, ActionModel.of(action).model_dump_json(), what="action").to_signed() == action


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("cordon_node", {"node": "n", "instance_id": "i-1"}),
        ("uncordon_node", {"node": "n"}),
        ("drain_node", {"node": "n", "deadline_at": "2025-12-31T18:00:00.000Z"}),
        ("evict_pod", {"namespace": "n", "pod": "p", "node": "a"}),
        ("label_node", {"node": "n", "labels": {"a": "b", "c": None}}),
        (
            "update_deployment",
            {"namespace": "n", "name": "d", "containers": [{"name": "c", "requests": {"cpu": "250m"}}]},
        ),
    ],
)
def test_every_action_has_a_payload(kind: str, payload: Json) -> None:
    written = json.loads(read_payload(kind, payload).model_dump_json(exclude_unset=True))
    assert written == payload


def test_all_kinds_of_actions_have_a_model() -> None:
    for kind in AgentActionKind:
        with pytest.raises(InputError) as caught:
            read_payload(kind, {})
        assert caught.value.obj == f"payload of {kind}"


def test_an_unknown_action_is_refused() -> None:
    with pytest.raises(InputError, match="must be one of"):
        read_payload("format_disk", {})


@pytest.mark.parametrize(
    ("kind", "payload", "field"),
    [
        ("cordon_node", {"node": ""}, "node"),
        ("label_node", {"node": "n", "labels": {}}, "labels"),
        ("update_deployment", {"namespace": "n", "name": "d", "containers": []}, "containers"),
        (
            "update_deployment",
            {"namespace": "n", "name": "d", "containers": [{"name": "c", "limits": {"cpu": "much"}}]},
            "containers[0].limits.cpu",
        ),
    ],
)
def test_a_malformed_payload_is_refused_with_its_field(kind: str, payload: Json, field: str) -> None:
    with pytest.raises(InputError) as caught:
        read_payload(kind, payload)
    assert caught.value.field == field


def test_versions_are_negotiated() -> None:
    assert negotiate(str(PROTOCOL_VERSION)) == PROTOCOL_VERSION
    assert negotiate("999999") == PROTOCOL_VERSION


@pytest.mark.parametrize("header", [None, "", "one", "1.0", "-1", "0", "٣", "1" * 7])
def test_a_missing_or_malformed_version_is_named(header: str | None) -> None:
    with pytest.raises(InputError) as caught:
        negotiate(header)
    assert caught.value.field == PROTOCOL_HEADER


def test_an_old_agent_is_told_how_to_upgrade() -> None:
    assert "helm upgrade" in str(ProtocolTooOldError(0))


def test_a_node_that_is_not_ready_is_believed_also_where_its_zone_is_not_known() -> None:
    raw = {"event_id": "e", "timestamp": "2025-12-31T18:00:00Z", "event_type": "node_not_ready", "node_name": "n"}
    (event,), refused = read_events([raw | {"instance_type": "c5.xlarge", "availability_zone": "mars-1a"}], SOURCE)
    assert refused == ()
    assert isinstance(event, NodeNotReady)
    assert event.pool is None
