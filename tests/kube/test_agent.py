"""The agent as its chart installs it: logged in by its service account, against a real API server."""

import os
from collections.abc import Callable
from datetime import timedelta

import pytest

from domain.delta import ObjectSet
from domain.redaction import redact
from domain.wire.messages import ActionModel
from tests.kube.agent_process import AgentProcess, free_port, running
from tests.kube.client import JsonObject
from tests.kube.control_plane import ControlPlane
from tests.kube.home import SHORT, Home, carried_out, do, holder, interrupt, nodes_of, seen
from tests.kube.metrics import metrics_api, put_node_usage, put_pod_usage
from tests.kube.objects import (
    instance_id,
    make_budget,
    make_deployment,
    make_node,
    make_replication_controller,
    make_stateful_set,
)
from tests.kube.rbac import Right, granted
from tests.kube.service import Service, served


def expected(home: Home, path: str, kind: str) -> ObjectSet:
    """What the API holds now, as it may leave the cluster."""
    version = "apps/v1" if path.startswith("/apis/apps") else "v1"
    found = [redact(one | {"kind": kind, "apiVersion": version}) for one in home.kube.items(path)]
    return ObjectSet.of([one for one in found if one is not None])


def test_the_service_knows_what_the_api_knows(home: Home) -> None:
    for number in range(5):
        home.kube.create(make_node(f"node-{number}"))
    home.run(make_deployment(home.namespace, "web", replicas=40))
    with home.agent() as agent:
        for path, kind in (
            ("/api/v1/nodes", "Node"),
            ("/api/v1/pods", "Pod"),
            ("/apis/apps/v1/deployments", "Deployment"),
        ):
            agent.wait(lambda path=path, kind=kind: home.service.objects.equals(expected(home, path, kind), kind))
        assert home.service.registered[0].node_count == 5
        home.kube.delete("/api/v1/nodes/node-4")
        agent.wait(lambda: "node-4" not in seen(home, "Node"))


def test_the_chart_grants_exactly_what_is_used(home: Home, control_plane: ControlPlane) -> None:
    home.kube.create(make_node("node-1"))
    pods = home.run(make_deployment(home.namespace, "web", replicas=4, annotations=SHORT))
    for make in (make_stateful_set, make_replication_controller):
        home.run(make(home.namespace, make.__name__.replace("_", "-"), annotations=SHORT))
    home.kube.create(make_node("node-0"))
    with metrics_api(home.kube):
        put_node_usage(home.kube, "node-0", cpu="250m", memory="1Gi")
        put_pod_usage(home.kube, home.namespace, pods[0]["metadata"]["name"], cpu="10m", memory="20Mi")
        with home.agent() as agent:
            every_action(home, agent, pods)
            agent.wait(lambda: any(body.metrics.pods for body in home.service.metrics))
    asked = control_plane.asked(home.namespace, home.account)
    assert sorted({one for one in asked if not one.allowed}) == []
    used: set[Right] = {(one.verb, one.group, one.resource) for one in asked}
    assert sorted(granted(home.roles) - used) == []


def every_action(home: Home, agent: AgentProcess, pods: list[JsonObject]) -> None:
    container = {"name": "main", "requests": {"cpu": "50m"}, "limits": {}}
    results = [
        do(home, agent, "label_node", node="node-1", labels={"example.com/a": "b"}),
        do(home, agent, "cordon_node", node="node-1", instance_id=""),
        do(home, agent, "uncordon_node", node="node-1", instance_id=""),
        do(home, agent, "evict_pod", namespace=home.namespace, pod=pods[0]["metadata"]["name"], node=""),
        do(home, agent, "drain_node", node="node-1", instance_id="", deadline_at=None),
        do(
            home, agent, "update_deployment", namespace=home.namespace, name="web", containers=[container], generation=0
        ),
    ]
    assert [(one.status, one.error_message) for one in results] == [("completed", None)] * 6


def test_a_cordon_and_its_end_are_seen_on_the_node(home: Home) -> None:
    home.kube.create(make_node("node-0"))
    with home.agent() as agent:
        assert do(home, agent, "cordon_node", node="node-0").status == "completed"
        assert home.kube.get("/api/v1/nodes/node-0")["spec"]["unschedulable"] is True
        agent.wait(lambda: seen(home, "Node").get("node-0", {}).get("spec", {}).get("unschedulable"))
        assert do(home, agent, "uncordon_node", node="node-0").status == "completed"
        assert "unschedulable" not in home.kube.get("/api/v1/nodes/node-0")["spec"]


def test_a_drain_keeps_the_budget_and_empties_the_node(home: Home) -> None:
    home.kube.create(make_node("node-0"))
    home.kube.create(make_budget(home.namespace, "web", min_available=3))
    home.run(make_deployment(home.namespace, "web", replicas=4, annotations=SHORT))
    home.kube.create(make_node("node-1"))
    with home.agent() as agent:
        result = do(home, agent, "drain_node", node="node-0")
        assert (result.status, result.error_message) == ("completed", None)
    assert nodes_of(home) == {"node-1"}


def test_a_pod_of_a_namespace_that_is_being_deleted_leaves_with_it(home: Home, restarted: ControlPlane) -> None:
    home.kube.create(make_node("node-0"))
    doomed = home.also("doomed")
    home.kube.create(make_deployment(doomed, "web", annotations=SHORT))
    pods = f"/api/v1/namespaces/{doomed}/pods"
    (pod,) = home.kube.wait(
        lambda: home.kube.items(pods), until=lambda found: [one["status"]["phase"] for one in found] == ["Running"]
    )
    restarted.stop("kube-controller-manager")  # else the pod is gone before anybody can ask it to leave
    home.kube.delete(f"/api/v1/namespaces/{doomed}")
    with home.agent() as agent:
        action = home.service.sign("drain_node", {"node": "node-0"})
        home.service.hand_out(action)
        agent.wait(lambda: "pods/eviction" in {one.resource for one in restarted.asked(home.namespace, home.account)})
        answer = home.kube.evict(doomed, pod["metadata"]["name"])
        assert answer.status_code == 403
        assert [one["reason"] for one in answer.json()["details"]["causes"]] == ["NamespaceTerminating"]
        restarted.start("kube-controller-manager")
        agent.wait(lambda: action.action_id in home.service.results, limit_s=60)
    result = home.service.results[action.action_id]
    assert (result.status, result.error_message) == ("completed", None)
    evictions = [one for one in restarted.asked(home.namespace, home.account) if one.resource == "pods/eviction"]
    assert len(evictions) == 1


def forge(action: ActionModel) -> ActionModel:
    return action.model_copy(update={"payload": {"node": "node-0"}})


def foreign(action: ActionModel) -> ActionModel:
    return action.model_copy(update={"key_id": "0123456789abcdef"})


def unsigned(action: ActionModel) -> ActionModel:
    return action.model_copy(update={"signature": ""})


@pytest.mark.parametrize(
    ("change", "refusal"),
    [(forge, "altered"), (foreign, "foreign"), (unsigned, "unsigned")],
    ids=lambda one: str(one)[:9],
)
def test_what_was_not_signed_by_the_service_is_refused(
    home: Home, change: Callable[[ActionModel], ActionModel], refusal: str
) -> None:
    home.kube.create(make_node("node-0"))
    with home.agent() as agent:
        action = change(home.service.sign("cordon_node", {"node": "node-1"}))
        result = carried_out(home, agent, action)
        assert (result.status, result.refusal) == ("failed", refusal)
    assert "unschedulable" not in home.kube.get("/api/v1/nodes/node-0")["spec"]


def test_a_command_is_not_repeated_even_after_a_restart(home: Home) -> None:
    home.kube.create(make_node("node-0"))
    first = home.service.sign("cordon_node", {"node": "node-0"})
    with home.agent() as agent:
        assert carried_out(home, agent, first).status == "completed"
        assert do(home, agent, "uncordon_node", node="node-0").status == "completed"
    home.service.results.clear()
    with home.agent("agent-1") as agent:
        result = carried_out(home, agent, first)
        assert (result.status, result.refusal) in (("failed", "repeated"), ("completed", None))
    assert "unschedulable" not in home.kube.get("/api/v1/nodes/node-0")["spec"]


def test_an_expired_command_is_refused(home: Home) -> None:
    home.kube.create(make_node("node-0"))
    action = home.service.sign("cordon_node", {"node": "node-0"}, lifetime=timedelta(milliseconds=1))
    with home.agent() as agent:
        assert carried_out(home, agent, action).refusal == "expired"


def test_the_service_may_go_away_and_come_back(home: Home) -> None:
    home.kube.create(make_node("node-0"))
    service, port = Service(), free_port()
    url = f"http://127.0.0.1:{port}"
    with running(home.login, home.folder, namespace=home.namespace, service=url) as agent:
        with served(service, port=port):
            agent.wait(lambda: "Node//node-0" in service.objects)
        home.kube.create(make_node("node-1"))
        with served(service, port=port):
            agent.wait(lambda: "Node//node-1" in service.objects)
        assert agent.health("/healthz") == 200


def test_another_agent_takes_over_when_the_leader_dies(home: Home) -> None:
    home.kube.create(make_node("node-0"))
    with home.agent("agent-0") as first, home.agent("agent-1") as second:
        first.wait(lambda: home.service.registered)
        leader, other = (first, second) if holder(home) == "agent-0" else (second, first)
        leader.kill()
        home.kube.create(make_node("node-1"))
        other.wait(lambda: "node-1" in seen(home, "Node"), limit_s=60)
        assert do(home, other, "cordon_node", node="node-1").status == "completed"


def test_the_agent_goes_on_when_the_api_server_is_restarted(home: Home, control_plane: ControlPlane) -> None:
    home.kube.create(make_node("node-0"))
    with home.agent() as agent:
        agent.wait(lambda: "node-0" in seen(home, "Node"))
        control_plane.kill("kube-apiserver")
        control_plane.start("kube-apiserver")
        home.kube.create(make_node("node-1"))
        agent.wait(lambda: "node-1" in seen(home, "Node"), limit_s=60)
        assert do(home, agent, "cordon_node", node="node-1").status == "completed"


def test_interrupted_nodes_are_emptied_while_the_service_is_away(home: Home) -> None:
    for number in range(2):
        home.kube.create(make_node(f"node-{number}"))
    home.kube.create(make_budget(home.namespace, "web", min_available=8))
    home.run(make_deployment(home.namespace, "web", replicas=12, annotations=SHORT))
    nobody = f"http://127.0.0.1:{free_port()}"
    with running(home.login, home.folder, namespace=home.namespace, service=nobody) as agent:
        agent.wait(lambda: holder(home) == "agent-0")
        for number in (2, 3):
            home.kube.create(make_node(f"node-{number}"))
        for number in (0, 1):
            interrupt(home, f"node-{number}")
        agent.wait(lambda: nodes_of(home) == {"node-2", "node-3"}, limit_s=120)
    for number in (0, 1):
        assert home.kube.get(f"/api/v1/nodes/node-{number}")["spec"]["unschedulable"] is True


def test_an_interruption_is_told_to_the_service(home: Home) -> None:
    home.kube.create(make_node("node-0"))
    with home.agent() as agent:
        agent.wait(lambda: home.service.registered)
        interrupt(home, "node-0")
        agent.wait(lambda: [one["event_type"] for one in home.service.events].count("spot_interruption_warning"))
        (event,) = [one for one in home.service.events if one["event_type"] == "spot_interruption_warning"]
        assert (event["instance_id"], event["instance_type"]) == (instance_id("node-0"), "m6i.2xlarge")


GOING = 20
"""Nodes that go at once: six hundred pods run on them. A thousand go on virtual time, where no machine is too slow for
the control plane beside it (``tests/unit/agent/drains/test_properties.py``)."""


@pytest.fixture
def crowd(home: Home) -> Home:
    """A home with 100 nodes and 3 000 pods in 30 Deployments, each with a budget of 20 pods."""
    for number in range(100):
        home.kube.create(make_node(f"node-{number}"))
    for number in range(30):
        home.kube.create(make_budget(home.namespace, f"web-{number}", min_available=80))
        home.kube.create(make_deployment(home.namespace, f"web-{number}", replicas=100, annotations=SHORT))
    home.kube.wait(
        lambda: [pod["status"]["phase"] for pod in home.pods()],
        until=lambda phases: phases == ["Running"] * 3000,
        limit_s=180,
    )
    return home


def test_a_hundred_nodes_and_three_thousand_pods_are_told_as_they_are(crowd: Home) -> None:
    with crowd.agent() as agent:
        agent.wait(lambda: crowd.service.objects.count("Pod") == 3000)
        agent.wait(lambda: crowd.service.objects.equals(expected(crowd, "/api/v1/nodes", "Node"), "Node"))
        agent.wait(lambda: crowd.service.objects.equals(expected(crowd, "/api/v1/pods", "Pod"), "Pod"))


@pytest.mark.skipif("SPOTOPT_SCALE" not in os.environ, reason="held against the clock: SPOTOPT_SCALE=1")
def test_twenty_nodes_of_a_hundred_are_emptied_in_time(crowd: Home) -> None:
    going = {f"node-{number}" for number in range(GOING)}
    with crowd.agent() as agent:
        agent.wait(lambda: crowd.service.objects.count("Pod") == 3000)
        for name in going:
            interrupt(crowd, name)
        agent.wait(lambda: not going & {pod["spec"].get("nodeName") for pod in crowd.pods()}, limit_s=115)
        warned = [one["node_name"] for one in crowd.service.events if one["event_type"] == "spot_interruption_warning"]
        assert (set(warned), len(warned)) == (going, GOING)
