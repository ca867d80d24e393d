"""What is read off a node, and told to the service."""

from datetime import timedelta
from typing import Any

import pytest

from agent.interruptions.events import event_of
from agent.interruptions.notices import (
    INTERRUPTION_CONDITION,
    REBALANCE_CONDITION,
    Kind,
    cleared_condition,
    interruption_condition,
    is_spot,
    read_node,
    rebalance_condition,
)
from domain.events import RebalanceRecommendation, SpotAction, SpotInterruption
from domain.wire.events import EventSource, read_event
from tests.unit.agent.twin import START, make_node

END = START + timedelta(seconds=120)
SOURCE = EventSource(cluster="c-1", region="us-east-1", zone_ids={})


def with_condition(condition: dict[str, Any], **changes: Any) -> dict[str, Any]:
    node = make_node("a", **changes)
    node["status"]["conditions"].append(condition)
    return node


def with_taint(key: str, **fields: Any) -> dict[str, Any]:
    node = make_node("a")
    node["spec"]["taints"] = [{"key": key, "effect": "NoSchedule"} | fields]
    return node


def test_a_node_of_which_nothing_is_said_has_no_notice() -> None:
    found = read_node(make_node("a"))
    assert found.notices == ()
    assert (found.is_spot, found.is_ready, found.is_cordoned, found.emptied_by) == (True, True, False, "")


@pytest.mark.parametrize("action", list(SpotAction))
def test_what_the_node_mode_writes_is_read_back(action: SpotAction) -> None:
    condition = interruption_condition(action.value, END, instance_id="i-a", now=START)
    notice = read_node(with_condition(condition)).notice(Kind.INTERRUPTION)
    assert notice is not None
    assert (notice.deadline, notice.at, notice.action) == (END, START, action)


def test_a_recommendation_is_read_back_and_ends_nothing() -> None:
    condition = rebalance_condition(START, instance_id="i-a", now=START)
    notice = read_node(with_condition(condition)).notice(Kind.REBALANCE)
    assert notice is not None
    assert (notice.at, notice.deadline) == (START, None)


def test_a_mark_of_an_instance_that_had_the_name_before_is_not_meant() -> None:
    condition = interruption_condition("terminate", END, instance_id="i-before", now=START)
    assert read_node(with_condition(condition)).notices == ()


@pytest.mark.parametrize("kind", [INTERRUPTION_CONDITION, REBALANCE_CONDITION])
def test_a_mark_that_was_taken_back_says_nothing(kind: str) -> None:
    assert read_node(with_condition(cleared_condition(kind, now=START))).notices == ()


def test_a_mark_without_a_readable_time_gives_the_two_minutes_of_aws() -> None:
    condition = interruption_condition("terminate", END, instance_id="i-a", now=START) | {"message": "i-a soon"}
    notice = read_node(with_condition(condition)).notice(Kind.INTERRUPTION)
    assert notice is not None
    assert notice.deadline == START + timedelta(minutes=2)


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("aws-node-termination-handler/spot-itn", Kind.INTERRUPTION),
        ("aws-node-termination-handler/rebalance-recommendation", Kind.REBALANCE),
    ],
)
def test_taints_of_the_node_termination_handler_are_notices(key: str, kind: Kind) -> None:
    notice = read_node(with_taint(key)).notice(kind)
    assert notice is not None
    assert key in notice.source


def test_a_taint_that_says_since_when_says_until_when() -> None:
    found = read_node(with_taint("aws-node-termination-handler/spot-itn", timeAdded="2026-03-01T12:00:00Z"))
    notice = found.notice(Kind.INTERRUPTION)
    assert notice is not None
    assert notice.deadline == END


@pytest.mark.parametrize(
    ("key", "who"),
    [
        ("karpenter.sh/disrupted", "Karpenter"),
        ("karpenter.sh/disruption", "Karpenter"),
        ("ToBeDeletedByClusterAutoscaler", "cluster-autoscaler"),
    ],
)
def test_who_empties_a_node_by_himself_is_known(key: str, who: str) -> None:
    found = read_node(with_taint(key))
    assert (found.emptied_by, found.notices) == (who, ())


@pytest.mark.parametrize("status", ["False", "Unknown"])
def test_a_node_that_is_not_ready_says_so(status: str) -> None:
    node = make_node("a")
    node["status"]["conditions"] = [{"type": "Ready", "status": status, "reason": "NodeStatusUnknown"}]
    found = read_node(node)
    notice = found.notice(Kind.NOT_READY)
    assert notice is not None
    assert notice.reason == "NodeStatusUnknown"
    assert not found.is_ready


@pytest.mark.parametrize(
    ("labels", "spot"),
    [
        ({"karpenter.sh/capacity-type": "spot"}, True),
        ({"eks.amazonaws.com/capacityType": "SPOT"}, True),
        ({"node.kubernetes.io/lifecycle": "spot"}, True),
        ({"node-lifecycle": "Ec2Spot"}, True),
        ({"eks.amazonaws.com/capacityType": "ON_DEMAND"}, False),
        ({}, False),
    ],
)
def test_spot_nodes_are_known_by_their_labels(labels: dict[str, str], spot: object) -> None:
    assert is_spot(labels) is spot


def test_the_service_reads_an_interruption_as_it_is_told() -> None:
    node = read_node(with_condition(interruption_condition("stop", END, instance_id="i-a", now=START)))
    event = event_of(node, node.notices[0], now=START)
    assert event is not None
    read = read_event(event, SOURCE)
    assert isinstance(read, SpotInterruption)
    assert (read.instance_id, read.node, read.terminate_at, read.action) == ("i-a", "a", END, SpotAction.STOP)
    assert read.pool.zone_id == "use1-az1"


def test_the_service_reads_a_recommendation_as_it_is_told() -> None:
    node = read_node(with_condition(rebalance_condition(START, instance_id="i-a", now=START)))
    event = event_of(node, node.notices[0], now=START)
    assert event is not None
    assert isinstance(read_event(event, SOURCE), RebalanceRecommendation)
    assert event["event_id"] == "i-a-rebalance"


def test_the_same_occurrence_has_the_same_id_whoever_tells_it() -> None:
    told = read_node(with_condition(interruption_condition("terminate", END, instance_id="i-a", now=START)))
    tainted = read_node(with_taint("aws-node-termination-handler/spot-itn"))
    events = [
        event_of(node, node.notices[0], now=START + timedelta(seconds=n)) for n, node in enumerate([told, tainted])
    ]
    assert events[0] is not None
    assert events[1] is not None
    assert events[0]["event_id"] == events[1]["event_id"]


def test_a_node_that_is_no_instance_of_aws_tells_no_event() -> None:
    node = with_taint("aws-node-termination-handler/spot-itn")
    node["spec"]["providerID"] = "gce://project/zone/vm"
    found = read_node(node)
    assert event_of(found, found.notices[0], now=START) is None


def test_nodes_that_are_not_ready_are_told_elsewhere() -> None:
    node = make_node("a")
    node["status"]["conditions"] = [{"type": "Ready", "status": "False"}]
    found = read_node(node)
    assert event_of(found, found.notices[0], now=START) is None
