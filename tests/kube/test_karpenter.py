"""NodePools of Karpenter on a real API server, with Karpenter's own definition of them and its validation."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from agent.actions.holds import HELD
from agent.actions.nodepools import MANAGER
from domain.signing import wire_time
from domain.wire.messages import ResultBody
from tests.kube.agent_process import AgentProcess, running
from tests.kube.client import JsonObject
from tests.kube.control_plane import ControlPlane
from tests.kube.helm import Helm, case, of_kind
from tests.kube.home import Home, seen
from tests.kube.karpenter import NODE_POOLS, make_node_pool, node_pools
from tests.kube.objects import make_node
from tests.kube.programs import NotBuiltError, Programs
from tests.kube.rbac import granted

TYPE = "node.kubernetes.io/instance-type"
RESTORED_S = 90.0
"""Until a NodePool is set back: twenty seconds lie between the two halves of that."""


@pytest.fixture
def karpenter_home(programs: Programs, home: Home) -> Iterator[Home]:
    """A home of an agent that is told of Karpenter, and NodePools."""
    chart = Helm(program=programs.helm, home=home.folder)
    found = chart.render(case("minimal"), "--set", "karpenter.enabled=true", namespace=home.namespace)
    for role in of_kind(found, "ClusterRole"):
        home.kube.apply(role)
    try:
        with node_pools(home.kube):
            yield home
    except NotBuiltError as err:
        pytest.skip(str(err))


@contextmanager
def agent_of(home: Home) -> Iterator[AgentProcess]:
    url, more = f"http://127.0.0.1:{home.port}", {"KARPENTER": "true"}
    with running(home.login, home.folder, namespace=home.namespace, service=url, more=more) as process:
        yield process


def do(home: Home, agent: AgentProcess, kind: str, payload: JsonObject) -> ResultBody:
    action = home.service.sign(kind, payload)
    home.service.hand_out(action)
    agent.wait(lambda: action.action_id in home.service.results, limit_s=RESTORED_S)
    return home.service.results[action.action_id]


def narrow(*types: str, **part: object) -> JsonObject:
    until = wire_time(datetime.now(UTC) + timedelta(hours=1))
    wanted = {
        "node_pool": "general",
        "instance_types": list(types),
        "zones": ["us-east-1a"],
        "capacity_types": ["spot"],
    }
    return {"hold": "saga-1", "until": until, "node_pools": [wanted | part]}


def test_a_node_pool_is_narrowed_validated_and_set_back_to_what_it_was(
    karpenter_home: Home, control_plane: ControlPlane
) -> None:
    home, kube = karpenter_home, karpenter_home.kube
    kube.create(make_node("node-0"))
    before = kube.create(make_node_pool(limits={"cpu": "100"}))
    path = f"{NODE_POOLS}/general"
    assert before["spec"]["disruption"]["budgets"] == [{"nodes": "10%"}], "the default of its definition"
    with agent_of(home) as agent:
        agent.wait(lambda: "general" in seen(home, "NodePool"))
        result = do(home, agent, "narrow_node_pools", narrow("m5.large", "c5.large", "p5.48xlarge"))
        assert (result.status, result.error_message) == ("completed", None)
        held = kube.get(path)
        added = held["spec"]["template"]["spec"]["requirements"][2:]
        assert added[0] == {"key": TYPE, "operator": "In", "values": ["m5.large", "c5.large"]}
        assert held["spec"]["disruption"]["budgets"] == [{"nodes": "10%"}, {"nodes": "0"}]
        assert MANAGER in {entry["manager"] for entry in held["metadata"]["managedFields"]}

        result = do(home, agent, "restore_node_pools", {"hold": "saga-1", "node_pools": ["general"]})
        assert (result.status, result.result["changed"]) == ("completed", True)
        after = kube.get(path)
        assert after["spec"] == before["spec"]
        assert HELD not in after["metadata"].get("annotations", {})

        limit = do(home, agent, "narrow_node_pools", narrow("m5.large", vcpu=200))
        assert "its limits allow 100 of cpu" in str(limit.error_message)
    asked = control_plane.asked(home.namespace, home.account)
    used = {(one.verb, one.group, one.resource) for one in asked if one.group == "karpenter.sh"}
    role = kube.get(f"/apis/rbac.authorization.k8s.io/v1/clusterroles/{home.roles[0]['metadata']['name']}")
    assert used <= {right for right in granted([role]) if right[1] == "karpenter.sh"}
    assert {verb for verb, _, _ in used} == {"get", "list", "watch", "patch"}
    assert sorted({one for one in asked if not one.allowed}) == []


def test_min_values_are_kept_to_as_its_definition_has_them(karpenter_home: Home) -> None:
    home, kube = karpenter_home, karpenter_home.kube
    pool = make_node_pool()
    pool["spec"]["template"]["spec"]["requirements"][0]["minValues"] = 2
    kube.create(pool)
    before = kube.get(f"{NODE_POOLS}/general")
    with agent_of(home) as agent:
        refused = do(home, agent, "narrow_node_pools", narrow("m5.large"))
        assert "its minValues asks for 2 values" in str(refused.error_message)
        assert kube.get(f"{NODE_POOLS}/general") == before
        result = do(home, agent, "narrow_node_pools", narrow("m5.large", "c5.large"))
        assert (result.status, result.error_message) == ("completed", None)
    pool["spec"]["template"]["spec"]["requirements"][0]["minValues"] = 4
    answer = kube.http.post(NODE_POOLS, json=pool | {"metadata": {"name": "wrong"}})
    assert answer.status_code == 422, "its definition is not the one that validates"


def test_without_karpenter_an_agent_that_is_told_of_it_sees_everything_else(home: Home) -> None:
    home.kube.create(make_node("node-0"))
    with agent_of(home) as agent:
        agent.wait(lambda: "node-0" in seen(home, "Node"))
        agent.wait(lambda: agent.health("/readyz") == 200)
        assert seen(home, "NodePool") == {}
