"""What a drain reads of pods and budgets."""

from datetime import UTC, datetime
from typing import Any

import pytest

from agent.drains.facts import Stays, covering, read_budget, read_pod, read_selector, read_time, selects


def pod(**changes: Any) -> dict[str, Any]:
    metadata = {"namespace": "shop", "name": "api-1", "uid": "u1", "labels": {"app": "api"}}
    return {"metadata": metadata | changes.pop("metadata", {}), "spec": {}, "status": {}} | changes


def budget(selector: Any, *, namespace: str = "shop") -> dict[str, Any]:
    return {
        "metadata": {"namespace": namespace, "name": "b"},
        "spec": {"selector": selector},
        "status": {"disruptionsAllowed": 2},
    }


def test_a_pod_without_a_grace_period_has_kubernetes_default() -> None:
    assert read_pod(pod()).grace_s == 30


def test_a_grace_period_of_zero_is_zero() -> None:
    assert read_pod(pod(spec={"terminationGracePeriodSeconds": 0})).grace_s == 0


@pytest.mark.parametrize(
    ("obj", "stays"),
    [
        (pod(metadata={"ownerReferences": [{"kind": "DaemonSet", "name": "d", "controller": True}]}), Stays.DAEMON),
        (pod(metadata={"annotations": {"kubernetes.io/config.mirror": "x"}}), Stays.MIRROR),
        (pod(status={"phase": "Succeeded"}), Stays.FINISHED),
        (pod(status={"phase": "Failed"}), Stays.FINISHED),
        (pod(status={"phase": "Running"}), None),
        (pod(metadata={"ownerReferences": [{"kind": "DaemonSet", "name": "d", "controller": False}]}), None),
    ],
)
def test_daemons_mirrors_and_finished_pods_are_left_out(obj: dict[str, Any], stays: Stays | None) -> None:
    assert read_pod(obj).stays is stays


@pytest.mark.parametrize(
    ("annotations", "held"),
    [
        ({"karpenter.sh/do-not-disrupt": "true"}, True),
        ({"karpenter.sh/do-not-evict": "true"}, True),
        ({"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"}, True),
        ({"cluster-autoscaler.kubernetes.io/safe-to-evict": "true"}, False),
        ({"karpenter.sh/do-not-disrupt": "false"}, False),
        ({}, False),
    ],
)
def test_annotations_that_forbid_a_disruption_are_seen(annotations: dict[str, str], held: object) -> None:
    assert bool(read_pod(pod(metadata={"annotations": annotations})).do_not_disrupt) is held


def test_a_pod_that_leaves_says_until_when() -> None:
    leaving = read_pod(pod(metadata={"deletionTimestamp": "2026-03-01T12:00:30Z"}))
    assert leaving.leaves_by == datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize("text", [None, 5, "", "soon", "2026-03-01T12:00:30"])
def test_what_is_no_time_with_a_zone_is_none(text: object) -> None:
    assert read_time(text) is None


def test_an_empty_selector_matches_all_pods_of_the_namespace_and_an_absent_one_none() -> None:
    facts = read_pod(pod())
    assert read_budget(budget({})).covers(facts)
    assert not read_budget(budget(None)).covers(facts)
    assert not read_budget(budget({}, namespace="other")).covers(facts)


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        ({"matchLabels": {"app": "api"}}, True),
        ({"matchLabels": {"app": "api", "tier": "web"}}, False),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["api", "b"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["api"]}]}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["web"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}, False),
    ],
)
def test_selectors_are_judged_as_kubernetes_does(selector: dict[str, Any], matches: object) -> None:
    assert selects(read_selector(selector), {"app": "api"}) is matches


def test_all_budgets_that_count_a_pod_are_found() -> None:
    both = [read_budget(budget({})), read_budget(budget({"matchLabels": {"app": "api"}}))]
    assert len(covering(read_pod(pod()), both)) == 2
