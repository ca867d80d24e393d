import pytest

from domain.selectors import LabelSelector
from domain.snapshot import Snapshot
from tests.unit.kubernetes.kube import Json, make_budget, make_node, make_object, make_pod, notes_of, read


def pods(count: int, *, ready: int | None = None, owner: tuple[str, str] | None = ("StatefulSet", "api")) -> list[Json]:
    healthy = count if ready is None else ready
    return [make_pod(f"api-{n}", labels={"app": "api"}, owner=owner, ready=n < healthy) for n in range(count)]


def stateful_set(replicas: int) -> Json:
    return make_object("StatefulSet", "api", spec={"replicas": replicas})


def allowed(budget: Json, *objects: Json) -> int:
    return snapshot_of(budget, *objects).budgets[0].disruptions_allowed


def snapshot_of(*objects: Json) -> Snapshot:
    return read(make_node(), *objects)


def test_a_current_status_counts() -> None:
    budget = make_budget(minAvailable=1, status={"disruptionsAllowed": 2, "observedGeneration": 1})
    assert allowed(budget, *pods(3)) == 2


def test_a_status_that_allows_nothing_stays_so() -> None:
    budget = make_budget(minAvailable=1, status={"disruptionsAllowed": 0, "observedGeneration": 1})
    assert allowed(budget, *pods(9)) == 0


def test_a_stale_status_is_computed_anew_and_noted() -> None:
    budget = make_budget(minAvailable=1, generation=3, status={"disruptionsAllowed": 0, "observedGeneration": 2})
    snapshot = snapshot_of(budget, *pods(3))
    assert snapshot.budgets[0].disruptions_allowed == 2
    assert "without a current status" in notes_of(snapshot)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"minAvailable": 2}, 3),
        ({"minAvailable": 7}, 0),
        ({"minAvailable": "50%"}, 2),  # 50 % of 5 is 3, rounded up
        ({"minAvailable": "100%"}, 0),
        ({"maxUnavailable": 1}, 1),
        ({"maxUnavailable": 0}, 0),
        ({"maxUnavailable": 9}, 5),
        ({"maxUnavailable": "25%"}, 2),  # 25 % of 5 is 2, rounded up
        ({"maxUnavailable": "1%"}, 1),
        ({"maxUnavailable": "0%"}, 0),
    ],
)
def test_numbers_and_percentages_are_resolved_rounding_up(spec: Json, expected: int) -> None:
    assert allowed(make_budget(**spec), *pods(5)) == expected


def test_percentages_are_of_the_replicas_that_the_controller_wants() -> None:
    budget = make_budget(minAvailable="50%")
    assert allowed(budget, *pods(5), stateful_set(10)) == 0
    assert allowed(budget, *pods(5), stateful_set(4)) == 3


def test_the_replicas_of_a_deployment_are_found_through_its_replica_set() -> None:
    owner = {"kind": "Deployment", "name": "api", "controller": True}
    replica_set = make_object("ReplicaSet", "api-77", metadata={"ownerReferences": [owner]}, spec={"replicas": 1})
    deployment = make_object("Deployment", "api", spec={"replicas": 6})
    running = pods(6, owner=("ReplicaSet", "api-77"))
    assert allowed(make_budget(maxUnavailable="50%"), *running, replica_set, deployment) == 3


def test_pods_that_are_not_ready_use_up_the_budget() -> None:
    assert allowed(make_budget(maxUnavailable=2), *pods(5, ready=4)) == 1
    assert allowed(make_budget(maxUnavailable=2), *pods(5, ready=2)) == 0


def test_finished_and_terminating_pods_are_not_healthy() -> None:
    done = make_pod("done", labels={"app": "api"}, status={"phase": "Succeeded"})
    leaving = make_pod("leaving", labels={"app": "api"}, metadata={"deletionTimestamp": "2026-02-03T10:00:00Z"})
    assert allowed(make_budget(minAvailable=2), *pods(3), done, leaving) == 1


def test_only_pods_of_the_namespace_that_match_count() -> None:
    others = [make_pod("x", labels={"app": "web"}), make_pod("y", namespace="other", labels={"app": "api"})]
    assert allowed(make_budget(minAvailable=2), *pods(3), *others) == 1


def test_an_empty_selector_selects_all_pods_and_in_the_first_api_version_none() -> None:
    budget = make_budget(minAvailable=1, selector={})
    assert snapshot_of(budget, *pods(2)).budgets[0].selector == LabelSelector()
    budget["apiVersion"] = "policy/v1beta1"
    assert snapshot_of(budget, *pods(2)).budgets[0].selector is None


def test_expressions_select_pods_too() -> None:
    def chosen(**expression: object) -> int:
        selector = {"matchExpressions": [{"key": "app"} | expression]}
        return allowed(make_budget(maxUnavailable="100%", selector=selector), *pods(2), make_pod("x"))

    assert chosen(operator="Exists") == 2
    assert chosen(operator="DoesNotExist") == 1
    assert chosen(operator="NotIn", values=["api"]) == 1
    assert chosen(operator="In", values=["api", "b"]) == 2


def test_a_dump_without_budgets_is_noted() -> None:
    assert "no PodDisruptionBudget in the input" in notes_of(snapshot_of(make_pod()))
