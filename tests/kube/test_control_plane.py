"""That the control plane behaves where tests of the agent rely on it."""

import json
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.kube.client import JsonObject, Kube, path_of
from tests.kube.control_plane import ControlPlane
from tests.kube.objects import ENDS_AFTER, NEVER_READY, NOT_READY, READY_AFTER, make_budget, make_deployment, make_node
from tests.kube.programs import kubernetes_version


def pods_of(kube: Kube, namespace: str) -> list[JsonObject]:
    return kube.items(f"/api/v1/namespaces/{namespace}/pods")


def condition(found: JsonObject, kind: str) -> str:
    conditions = found.get("status", {}).get("conditions", [])
    return next((one["status"] for one in conditions if one["type"] == kind), "")


def ready(found: JsonObject) -> bool:
    return condition(found, "Ready") == "True"


def run(kube: Kube, deployment: JsonObject, *, nodes: int = 2) -> list[JsonObject]:
    """Make nodes and a Deployment; its pods when all of them are ready."""
    for number in range(nodes):
        path = path_of(kube.create(make_node(f"node-{number}")))
        kube.wait(lambda path=path: kube.get(path), until=ready)
    kube.create(deployment)
    namespace, wanted = deployment["metadata"]["namespace"], deployment["spec"]["replicas"]
    return kube.wait(lambda: pods_of(kube, namespace), until=lambda pods: sum(map(ready, pods)) == wanted)


def allowed(kube: Kube, budget: JsonObject) -> int:
    return kube.get(path_of(budget)).get("status", {}).get("disruptionsAllowed", -1)


def wait_until_gone(kube: Kube, pod: JsonObject) -> float:
    """Seconds until there is no such pod any more."""
    started, namespace, uid = time.monotonic(), pod["metadata"]["namespace"], pod["metadata"]["uid"]
    kube.wait(lambda: {one["metadata"]["uid"] for one in pods_of(kube, namespace)}, until=lambda uids: uid not in uids)
    return time.monotonic() - started


def watch(kube: Kube, path: str, *, version: str) -> Iterator[JsonObject]:
    params = {"watch": "true", "resourceVersion": version, "timeoutSeconds": "20", "allowWatchBookmarks": "true"}
    with kube.http.stream("GET", path, params=params) as answer:
        yield from (json.loads(line) for line in answer.iter_lines())


def test_the_api_says_its_version(kube: Kube) -> None:
    assert kube.get("/version")["gitVersion"] == kubernetes_version()


def test_pods_of_a_deployment_run_on_the_nodes(kube: Kube, namespace: str) -> None:
    pods = run(kube, make_deployment(namespace, "web", replicas=6))
    assert {pod["spec"]["nodeName"] for pod in pods} <= {"node-0", "node-1"}


def test_a_pod_without_room_waits_for_a_node(kube: Kube, namespace: str) -> None:
    kube.create(make_deployment(namespace, "web"))
    kube.wait(
        lambda: pods_of(kube, namespace), until=lambda pods: [condition(p, "PodScheduled") for p in pods] == ["False"]
    )
    kube.create(make_node("late"))
    kube.wait(lambda: pods_of(kube, namespace), until=lambda pods: all(map(ready, pods)))


def test_a_node_that_is_told_to_be_silent_is_not_ready_and_comes_back(kube: Kube) -> None:
    path = path_of(kube.create(make_node("quiet")))
    kube.wait(lambda: kube.get(path), until=ready)
    kube.merge(path, {"metadata": {"labels": {NOT_READY: "true"}}})
    kube.wait(lambda: kube.get(path), until=lambda node: condition(node, "Ready") == "False")
    kube.merge(path, {"metadata": {"labels": {NOT_READY: None}}})
    kube.wait(lambda: kube.get(path), until=ready)


def test_a_pod_that_never_becomes_ready_runs_all_the_same(kube: Kube, namespace: str) -> None:
    kube.create(make_node("node-0"))
    kube.create(make_deployment(namespace, "broken", annotations={NEVER_READY: "true"}))
    pods = kube.wait(
        lambda: pods_of(kube, namespace), until=lambda pods: [p["status"]["phase"] for p in pods] == ["Running"]
    )
    assert [condition(pod, "Ready") for pod in pods] == ["False"]


def test_a_pod_becomes_ready_as_late_as_it_says(kube: Kube, namespace: str) -> None:
    started = time.monotonic()
    run(kube, make_deployment(namespace, "slow", annotations={READY_AFTER: "1500ms"}))
    assert time.monotonic() - started > 1.5


def test_an_eviction_that_a_budget_forbids_is_answered_with_429_until_there_is_a_replacement(
    kube: Kube, namespace: str
) -> None:
    budget = kube.create(make_budget(namespace, "web", min_available=2))
    deployment = make_deployment(namespace, "web", replicas=3, annotations={ENDS_AFTER: "100ms", READY_AFTER: "3s"})
    first, second, _ = (pod["metadata"]["name"] for pod in run(kube, deployment))
    kube.wait(lambda: allowed(kube, budget), until=lambda count: count == 1)
    assert kube.evict(namespace, first).status_code == httpx.codes.CREATED
    forbidden = kube.evict(namespace, second)
    assert forbidden.status_code == httpx.codes.TOO_MANY_REQUESTS
    assert forbidden.json()["details"]["causes"][0]["reason"] == "DisruptionBudget"
    kube.wait(lambda: allowed(kube, budget), until=lambda count: count == 1)
    assert kube.evict(namespace, second).status_code == httpx.codes.CREATED


def test_two_budgets_over_one_pod_are_answered_with_500(kube: Kube, namespace: str) -> None:
    one = make_budget(namespace, "web", min_available=0)
    kube.create(one)
    kube.create(one | {"metadata": one["metadata"] | {"name": "other"}})
    (pod,) = run(kube, make_deployment(namespace, "web"))
    assert kube.evict(namespace, pod["metadata"]["name"]).status_code == httpx.codes.INTERNAL_SERVER_ERROR


def test_a_pod_takes_its_whole_grace_period_to_end(kube: Kube, namespace: str) -> None:
    (pod,) = run(kube, make_deployment(namespace, "slow", grace_s=3))
    assert kube.evict(namespace, pod["metadata"]["name"]).status_code == httpx.codes.CREATED
    # The API writes the end as a whole second, rounded down.
    assert 1.9 < wait_until_gone(kube, pod) < 10


def test_a_pod_ends_as_early_as_it_says(kube: Kube, namespace: str) -> None:
    (pod,) = run(kube, make_deployment(namespace, "quick", grace_s=300, annotations={ENDS_AFTER: "200ms"}))
    assert kube.evict(namespace, pod["metadata"]["name"]).status_code == httpx.codes.CREATED
    assert wait_until_gone(kube, pod) < 10


def test_a_restarted_api_server_keeps_its_port_and_what_it_knew(restarted: ControlPlane, kube: Kube) -> None:
    path = path_of(kube.create(make_node("kept")))
    restarted.stop("kube-apiserver")
    with pytest.raises(httpx.ConnectError):
        kube.get(path)
    restarted.start("kube-apiserver")
    assert kube.get(path)["metadata"]["name"] == "kept"
    kube.wait(lambda: kube.get(path), until=ready)


def test_a_watch_from_before_a_killed_api_server_is_gone(restarted: ControlPlane, kube: Kube, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    version = kube.get(path)["metadata"]["resourceVersion"]
    made = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "news", "namespace": namespace}}
    assert kube.create(made)["metadata"]["resourceVersion"] != version
    restarted.kill("kube-apiserver")
    restarted.start("kube-apiserver")
    first = next(watch(kube, path, version=version))
    assert (first["type"], first["object"]["code"]) == ("ERROR", httpx.codes.GONE)


def test_a_service_account_may_do_nothing_and_is_written_down(control_plane: ControlPlane, namespace: str) -> None:
    with Kube(control_plane.service_account(namespace, "default")) as nobody:
        assert nobody.http.get("/api/v1/nodes").status_code == httpx.codes.FORBIDDEN
    asked = [one for one in control_plane.asked(namespace, "default") if one.resource == "nodes"]
    assert [(one.verb, one.group, one.allowed) for one in asked] == [("list", "", False)]
