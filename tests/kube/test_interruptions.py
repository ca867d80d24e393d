"""Nodes that go, as others mark them on a real API server, and nodes that others empty."""

from agent.drains.marks import CORDONED, DRAINING
from tests.kube.agent_process import AgentProcess
from tests.kube.client import JsonObject
from tests.kube.control_plane import ControlPlane
from tests.kube.home import SHORT, Home, interrupt, nodes_of, seen
from tests.kube.objects import NOT_READY, instance_id, make_deployment, make_node

EKS = {"eks.amazonaws.com/nodegroup": "spot-workers", "eks.amazonaws.com/capacityType": "SPOT"}
MOVE_LIMIT_S = 60.0


def node(home: Home, name: str) -> JsonObject:
    return home.kube.get(f"/api/v1/nodes/{name}")


def is_cordoned_by_us(home: Home, name: str) -> bool:
    found = node(home, name)
    return bool(found["spec"].get("unschedulable")) and CORDONED in found["metadata"].get("annotations", {})


def full_node(home: Home, *, labels: dict[str, str] | None = None) -> None:
    """``node-0`` with three pods, then the empty ``node-1``."""
    home.kube.create(make_node("node-0", labels=labels or {}))
    home.run(make_deployment(home.namespace, "web", replicas=3, annotations=SHORT))
    home.kube.create(make_node("node-1"))


def events(home: Home, kind: str) -> list[JsonObject]:
    return [one for one in home.service.events if one["event_type"] == kind]


def moved(home: Home) -> bool:
    return nodes_of(home) == {"node-1"}


def until_known(home: Home, agent: AgentProcess) -> None:
    agent.wait(lambda: {"node-0", "node-1"} <= seen(home, "Node").keys())


def test_a_taint_of_the_termination_handler_empties_its_node(home: Home) -> None:
    full_node(home)
    with home.agent() as agent:
        until_known(home, agent)
        taint = {"key": "aws-node-termination-handler/spot-itn", "value": "event", "effect": "NoSchedule"}
        home.kube.merge("/api/v1/nodes/node-0", {"spec": {"taints": [taint]}})
        agent.wait(lambda: moved(home), limit_s=MOVE_LIMIT_S)
        agent.wait(lambda: events(home, "spot_interruption_warning"))
    assert is_cordoned_by_us(home, "node-0")
    (told,) = events(home, "spot_interruption_warning")
    assert told["instance_id"] == instance_id("node-0")


def test_a_node_that_eks_empties_is_left_to_eks(home: Home, control_plane: ControlPlane) -> None:
    full_node(home, labels=EKS)
    with home.agent() as agent:
        until_known(home, agent)
        home.kube.merge("/api/v1/nodes/node-0", {"spec": {"unschedulable": True}})
        interrupt(home, "node-0")
        agent.wait(lambda: events(home, "spot_interruption_warning"))
        for pod in home.pods():
            assert home.kube.evict(home.namespace, pod["metadata"]["name"]).is_success
        agent.wait(lambda: moved(home))
    asked = {(one.verb, one.resource) for one in control_plane.asked(home.namespace, home.account)}
    assert not asked & {("create", "pods/eviction"), ("patch", "nodes")}
    assert not node(home, "node-0")["metadata"].get("annotations", {}).keys() & {CORDONED, DRAINING}


def test_a_node_that_eks_does_not_empty_is_emptied_by_the_agent(home: Home) -> None:
    full_node(home, labels=EKS)
    with home.agent() as agent:
        until_known(home, agent)
        interrupt(home, "node-0")
        agent.wait(lambda: moved(home), limit_s=MOVE_LIMIT_S)
    assert is_cordoned_by_us(home, "node-0")


def test_a_recommendation_is_told_and_nothing_is_done(home: Home, control_plane: ControlPlane) -> None:
    full_node(home)
    with home.agent() as agent:
        until_known(home, agent)
        taint = {"key": "aws-node-termination-handler/rebalance-recommendation", "effect": "NoSchedule"}
        home.kube.merge("/api/v1/nodes/node-0", {"spec": {"taints": [taint]}})
        agent.wait(lambda: events(home, "rebalance_recommendation"))
    asked = {(one.verb, one.resource) for one in control_plane.asked(home.namespace, home.account)}
    assert not asked & {("create", "pods/eviction"), ("patch", "nodes")}


def test_a_spot_node_that_falls_silent_is_emptied_and_given_back_when_it_is_well_again(home: Home) -> None:
    full_node(home)
    with home.agent() as agent:
        until_known(home, agent)
        home.kube.merge("/api/v1/nodes/node-0", {"metadata": {"labels": {NOT_READY: "true"}}})
        agent.wait(lambda: [one["node_name"] for one in events(home, "node_not_ready")] == ["node-0"])
        agent.wait(lambda: moved(home), limit_s=MOVE_LIMIT_S)
        assert is_cordoned_by_us(home, "node-0")
        home.kube.merge("/api/v1/nodes/node-0", {"metadata": {"labels": {NOT_READY: None}}})
        agent.wait(lambda: "unschedulable" not in node(home, "node-0")["spec"], limit_s=MOVE_LIMIT_S)
    assert not node(home, "node-0")["metadata"].get("annotations", {}).keys() & {CORDONED, DRAINING}


def test_a_pod_that_its_kubelet_evicts_is_told_to_the_service(home: Home) -> None:
    home.kube.create(make_node("node-0"))
    (pod,) = home.run(make_deployment(home.namespace, "web", annotations=SHORT))
    name = pod["metadata"]["name"]
    message = "The node was low on resource: memory."
    with home.agent() as agent:
        agent.wait(lambda: name in seen(home, "Pod"))
        target = {"type": "DisruptionTarget", "status": "True", "reason": "TerminationByKubelet"}
        target["lastTransitionTime"] = home.kube.now()
        status = {"phase": "Failed", "reason": "Evicted", "message": message, "conditions": [target]}
        home.kube.strategic(f"/api/v1/namespaces/{home.namespace}/pods/{name}/status", {"status": status})
        agent.wait(lambda: events(home, "pod_evicted"))
    (told,) = events(home, "pod_evicted")
    assert (told["pod_name"], told["node_name"], told["message"]) == (name, "node-0", message)
    assert told["owner"] == {"kind": "Deployment", "name": "web"}
