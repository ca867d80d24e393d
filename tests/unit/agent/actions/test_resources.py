"""Amounts: what is wanted, what is, what is ours."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agent.actions.resources import (
    MANAGER,
    body_of,
    changes_of,
    from_json,
    intent,
    intent_before,
    owned_keys,
    to_json,
)
from agent.actions.rollout import Progress, judge

NAMES = st.from_regex(r"[a-z]{1,5}", fullmatch=True)
KEYS = st.tuples(NAMES, st.sampled_from(["requests", "limits"]), st.sampled_from(["cpu", "memory", "nvidia.com/gpu"]))
AMOUNTS = st.dictionaries(KEYS, st.sampled_from(["1", "500m", "1Gi"]), max_size=6)


def deployment(*owned: tuple[str, str, str], **resources: Any) -> dict[str, Any]:
    containers: dict[str, Any] = {}
    for container, kind, resource in owned:
        fields = containers.setdefault(f'k:{{"name":"{container}"}}', {"f:resources": {}})
        fields["f:resources"].setdefault(f"f:{kind}", {})[f"f:{resource}"] = {}
    fields = {"f:spec": {"f:template": {"f:spec": {"f:containers": containers}}}}
    entry = {"manager": MANAGER, "operation": "Apply", "fieldsV1": fields}
    other = {"manager": "kubectl", "operation": "Update", "fieldsV1": fields}
    specs = [{"name": name, "resources": amounts} for name, amounts in resources.items()]
    return {"metadata": {"managedFields": [entry, other]}, "spec": {"template": {"spec": {"containers": specs}}}}


def test_only_what_our_own_manager_applied_is_ours() -> None:
    found = deployment(("api", "requests", "cpu"), ("api", "limits", "nvidia.com/gpu"))
    assert owned_keys(found) == {("api", "requests", "cpu"), ("api", "limits", "nvidia.com/gpu")}
    found["metadata"]["managedFields"][0]["operation"] = "Update"
    assert owned_keys(found) == set()


def test_an_intent_keeps_what_we_own_and_adds_what_we_want() -> None:
    found = deployment(("api", "requests", "cpu"), api={"requests": {"cpu": "1", "memory": "1Gi"}})
    wanted = {("api", "limits", "cpu"): "2"}
    assert intent(found, wanted) == {("api", "requests", "cpu"): "1", ("api", "limits", "cpu"): "2"}


def test_the_way_back_names_what_was_and_not_what_was_absent() -> None:
    found = deployment(api={"requests": {"cpu": "1"}})
    changes = {("api", "requests", "cpu"): "2", ("api", "limits", "cpu"): "2"}
    assert intent_before(found, changes) == {("api", "requests", "cpu"): "1"}


def test_amounts_that_are_equal_are_no_change() -> None:
    have = {("api", "requests", "cpu"): "1", ("api", "requests", "memory"): "1Gi"}
    wanted = {("api", "requests", "cpu"): "1000m", ("api", "requests", "memory"): "2Gi"}
    assert changes_of(wanted, have) == {("api", "requests", "memory"): "2Gi"}


@given(amounts=AMOUNTS)
def test_what_is_stored_is_read_back(amounts: dict[tuple[str, str, str], str]) -> None:
    assert from_json(to_json(amounts)) == amounts


@given(amounts=AMOUNTS)
def test_a_body_names_every_amount_once_and_nothing_else(amounts: dict[tuple[str, str, str], str]) -> None:
    containers = body_of("shop", "api", amounts)["spec"]["template"]["spec"]["containers"]
    told = {
        (one["name"], kind, resource): amount
        for one in containers
        for kind, listed in one["resources"].items()
        for resource, amount in listed.items()
    }
    assert told == amounts
    assert all(one.keys() == {"name", "resources"} for one in containers)


def test_a_rollout_of_no_pods_is_over_at_once() -> None:
    found = {"metadata": {"generation": 2}, "spec": {"replicas": 0}, "status": {"observedGeneration": 2}}
    assert judge(found).progress is Progress.DONE


def test_a_rollout_goes_on_while_an_old_pod_is_left() -> None:
    status = {"observedGeneration": 2, "replicas": 3, "updatedReplicas": 2, "availableReplicas": 3}
    found = {"metadata": {"generation": 2}, "spec": {"replicas": 2}, "status": status}
    assert judge(found).progress is Progress.GOING


def test_a_rollout_that_was_not_seen_yet_goes_on_whatever_the_status_says() -> None:
    status = {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}
    found = {"metadata": {"generation": 2}, "spec": {"replicas": 2}, "status": status}
    assert judge(found).progress is Progress.GOING
