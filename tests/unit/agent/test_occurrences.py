"""What happens to pods and nodes is told once, as the service reads it."""

from datetime import datetime
from typing import Any

import pytest

from adapters.clock import VirtualClock
from agent.watching.occurrences import Occurrences
from domain.events import AgentEvent, NodeNotReady, OomKilled, PodEvicted, PodPending
from domain.wire.events import EventSource, read_event
from tests.unit.agent.objects import killed, node, pod, unschedulable

NOW = "2026-01-01T00:01:00Z"
BEFORE = "2026-01-01T00:00:30Z"
LONG_AGO = "2025-12-31T23:50:00Z"
SOURCE = EventSource(cluster="c", region="us-east-1", zone_ids={})


@pytest.fixture
def occurrences() -> Occurrences:
    return Occurrences(VirtualClock(datetime.fromisoformat(NOW)))


def only(events: list[dict[str, Any]]) -> AgentEvent:
    (event,) = events
    return read_event(event, SOURCE)


def test_a_container_killed_for_want_of_memory_is_told_with_its_limit_and_deployment(occurrences: Occurrences) -> None:
    event = only(occurrences.of_pod(pod(containerStatuses=[killed(BEFORE)])))
    assert isinstance(event, OomKilled)
    assert (event.namespace, event.pod, event.container, event.node) == ("shop", "api-1", "api", "n1")
    assert event.limit_bytes == 256 << 20
    assert event.owner is not None
    assert (event.owner.kind, event.owner.name) == ("Deployment", "api")


def test_the_same_death_is_told_once_before_and_after_the_restart_of_the_container(occurrences: Occurrences) -> None:
    ended = killed(BEFORE)
    ended["state"], ended["lastState"] = ended["lastState"], {}
    (first,) = occurrences.of_pod(pod(containerStatuses=[ended]))
    assert occurrences.of_pod(pod(containerStatuses=[killed(BEFORE)])) == []
    fresh = Occurrences(VirtualClock(datetime.fromisoformat(NOW)))
    (again,) = fresh.of_pod(pod(containerStatuses=[killed(BEFORE)]))
    assert again["event_id"] == first["event_id"]


def test_two_deaths_are_two_events(occurrences: Occurrences) -> None:
    assert len(occurrences.of_pod(pod(containerStatuses=[killed(BEFORE)]))) == 1
    assert len(occurrences.of_pod(pod(containerStatuses=[killed(NOW)]))) == 1


def test_what_happened_long_ago_is_not_told(occurrences: Occurrences) -> None:
    assert occurrences.of_pod(pod(containerStatuses=[killed(LONG_AGO)])) == []
    assert occurrences.of_pod(pod(**unschedulable(LONG_AGO))) == []
    assert occurrences.of_node("Node//n1", node(ready="Unknown", since=LONG_AGO)) == []


def test_a_container_that_failed_by_itself_was_not_killed(occurrences: Occurrences) -> None:
    status = killed(BEFORE)
    status["lastState"]["terminated"]["reason"] = "Error"
    assert occurrences.of_pod(pod(containerStatuses=[status])) == []


def test_a_pod_that_no_node_takes_is_told_with_the_schedulers_words(occurrences: Occurrences) -> None:
    event = only(occurrences.of_pod(pod(**unschedulable(BEFORE))))
    assert isinstance(event, PodPending)
    assert (event.pod, event.reason) == ("api-1", "Unschedulable")
    assert "Insufficient cpu" in event.message


def test_a_pod_that_is_held_back_on_purpose_is_not_pending(occurrences: Occurrences) -> None:
    status = unschedulable(BEFORE)
    status["conditions"][0]["reason"] = "SchedulingGated"
    assert occurrences.of_pod(pod(**status)) == []


def test_a_node_that_stops_being_ready_is_told_with_its_pool(occurrences: Occurrences) -> None:
    assert occurrences.of_node("Node//n1", node()) == []
    event = only(occurrences.of_node("Node//n1", node(ready="Unknown", since=BEFORE)))
    assert isinstance(event, NodeNotReady)
    assert (event.node, event.instance_id) == ("n1", "i-0n1")
    assert event.pool is not None
    assert event.pool.zone_id == "use1-az6"


def test_a_node_without_labels_of_a_cloud_is_told_without_a_pool(occurrences: Occurrences) -> None:
    bare = node(ready="False", since=BEFORE)
    bare["metadata"]["labels"] = {"node.kubernetes.io/instance-type": "Big Server"}
    event = only(occurrences.of_node("Node//n1", bare))
    assert isinstance(event, NodeNotReady)
    assert event.pool is None


def test_a_node_that_has_just_been_made_is_starting(occurrences: Occurrences) -> None:
    starting = node(ready="False", since=BEFORE)
    starting["metadata"]["creationTimestamp"] = BEFORE
    assert occurrences.of_node("Node//n1", starting) == []
    ready = node()
    ready["metadata"]["creationTimestamp"] = BEFORE
    assert occurrences.of_node("Node//n1", ready) == []
    assert len(occurrences.of_node("Node//n1", starting | {"status": node(ready="False", since=NOW)["status"]})) == 1


def evicted(**status: Any) -> dict[str, Any]:
    told = {"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."}
    return pod(**(told | status))


def test_a_pod_that_its_kubelet_has_evicted_is_told_once_with_its_owner_and_node(occurrences: Occurrences) -> None:
    ended = evicted(conditions=[{"type": "DisruptionTarget", "status": "True", "lastTransitionTime": BEFORE}])
    event = only(occurrences.of_pod(ended))
    assert isinstance(event, PodEvicted)
    assert (event.namespace, event.pod, event.node) == ("shop", "api-1", "n1")
    assert "low on resource" in event.message
    assert str(event.owner) == "Deployment/api"
    assert occurrences.of_pod(ended) == []


def test_an_old_kubelet_tells_the_time_of_an_eviction_by_the_pods_readiness(occurrences: Occurrences) -> None:
    ready = {"type": "Ready", "status": "False", "lastTransitionTime": BEFORE}
    assert isinstance(only(occurrences.of_pod(evicted(conditions=[ready]))), PodEvicted)


def test_evicted_pods_that_have_lain_there_for_long_or_do_not_say_when_are_not_told(occurrences: Occurrences) -> None:
    old = {"type": "DisruptionTarget", "status": "True", "lastTransitionTime": LONG_AGO}
    assert occurrences.of_pod(evicted(conditions=[old])) == []
    assert occurrences.of_pod(evicted()) == []


def test_a_pod_that_failed_by_itself_was_not_evicted(occurrences: Occurrences) -> None:
    target = {"type": "DisruptionTarget", "status": "True", "lastTransitionTime": BEFORE}
    assert occurrences.of_pod(evicted(reason="DeadlineExceeded", conditions=[target])) == []


def test_another_node_of_the_same_name_is_starting_too(occurrences: Occurrences) -> None:
    assert occurrences.of_node("Node//n1", node()) == []
    other = node(ready="False", since=BEFORE)
    other["metadata"] |= {"uid": "another", "creationTimestamp": BEFORE}
    assert occurrences.of_node("Node//n1", other) == []


@pytest.mark.parametrize(
    "status",
    [
        {"containerStatuses": None},
        {"containerStatuses": [{"lastState": {"terminated": {"reason": "OOMKilled", "finishedAt": None}}}]},
        {"containerStatuses": [{"lastState": {"terminated": {"reason": "OOMKilled", "finishedAt": "yesterday"}}}]},
        {"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False"}]},
    ],
)
def test_a_status_that_tells_too_little_tells_nothing(occurrences: Occurrences, status: dict[str, Any]) -> None:
    assert occurrences.of_pod(pod(**status)) == []
