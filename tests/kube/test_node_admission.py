"""What the container on a node may do at the API: mark its own node, and nothing else."""

from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from tests.kube.client import JsonObject, Kube, path_of
from tests.kube.control_plane import ControlPlane
from tests.kube.helm import Helm, case
from tests.kube.objects import make_node, make_pod_spec
from tests.kube.programs import Programs

INTERRUPTION = "SpotInterruption"
STRATEGIC = {"Content-Type": "application/strategic-merge-patch+json"}
MOMENT = "2026-03-01T12:00:00Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """The API as the container on ``node-0`` sees it."""

    kube: Kube

    def patch(self, node: str, body: JsonObject, *, subresource: str = "/status") -> httpx.Response:
        return self.kube.http.patch(f"/api/v1/nodes/{node}{subresource}", json=body, headers=STRATEGIC)

    def mark(self, node: str, kind: str = INTERRUPTION, status: str = "True") -> httpx.Response:
        moments = {"lastHeartbeatTime": MOMENT, "lastTransitionTime": MOMENT}
        condition = {"type": kind, "status": status, "reason": "Terminate", "message": f"i-{node} {MOMENT}"} | moments
        return self.patch(node, {"status": {"conditions": [condition]}})


@pytest.fixture
def container(
    programs: Programs,
    control_plane: ControlPlane,
    kube: Kube,
    namespace: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Container]:
    helm = Helm(program=programs.helm, home=tmp_path_factory.mktemp("helm"))
    wanted = {"ServiceAccount", "ClusterRole", "ClusterRoleBinding"}
    admission = {"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}
    found = [
        one
        for one in helm.render(case("full"), namespace=namespace)
        if one["kind"] in wanted | admission and one["metadata"]["name"].endswith("-node")
    ]
    assert {one["kind"] for one in found} == wanted | admission
    account = next(one["metadata"]["name"] for one in found if one["kind"] == "ServiceAccount")
    for one in found:
        kube.apply(one)
    for number in range(2):
        kube.create(make_node(f"node-{number}"))
    spec = {**make_pod_spec(), "serviceAccountName": account, "nodeName": "node-0"}
    kube.create({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "node", "namespace": namespace}, "spec": spec})
    with Kube(control_plane.service_account(namespace, account, pod="node")) as mine:
        box = Container(kube=mine)
        wait_until_enforced(kube, box)
        yield box
    for one in found:
        kube.delete(path_of(one))


def wait_until_enforced(kube: Kube, box: Container) -> None:
    """A new policy is seen by the API server within about a second."""
    kube.wait(lambda: box.mark("node-1").status_code, until=lambda code: code in (403, 422))


@pytest.mark.parametrize("kind", [INTERRUPTION, "RebalanceRecommendation"])
def test_it_marks_its_own_node_and_takes_that_back(container: Container, kind: str) -> None:
    for status in ("True", "False"):
        answer = container.mark("node-0", kind, status)
        assert answer.status_code == httpx.codes.OK, answer.text


@pytest.mark.parametrize(
    "body",
    [
        {"status": {"conditions": [{"type": "Ready", "status": "False", "reason": "a", "message": "b"}]}},
        {"status": {"conditions": [{"type": "Mine", "status": "True", "reason": "a", "message": "b"}]}},
        {"status": {"allocatable": {"example.com/gpu": "8"}}},
        {"status": {"addresses": [{"type": "InternalIP", "address": "192.0.2.7"}]}},
        {"metadata": {"labels": {"node-role.kubernetes.io/control-plane": ""}}},
        {"metadata": {"labels": {"kubernetes.io/hostname": None}}},
        {"metadata": {"annotations": {"cluster-autoscaler.kubernetes.io/scale-down-disabled": "true"}}},
    ],
    ids=str,
)
def test_it_changes_nothing_else_of_its_node(container: Container, body: JsonObject) -> None:
    answer = container.patch("node-0", body)
    assert answer.status_code in (403, 422), answer.text
    assert "nothing else" in answer.text


def test_it_marks_no_other_node(container: Container) -> None:
    answer = container.mark("node-1")
    assert answer.status_code in (403, 422)
    assert "no other" in answer.text


def test_it_cannot_cordon_or_taint_even_its_own_node(container: Container) -> None:
    for spec in ({"unschedulable": True}, {"taints": [{"key": "a", "effect": "NoExecute"}]}):
        assert container.patch("node-0", {"spec": spec}, subresource="").status_code == httpx.codes.FORBIDDEN


def test_it_sees_nothing(container: Container) -> None:
    for path in ("/api/v1/pods", "/api/v1/secrets", "/api/v1/nodes", "/api/v1/nodes/node-0"):
        assert container.kube.http.get(path).status_code == httpx.codes.FORBIDDEN


def test_a_token_of_no_pod_marks_nothing(
    container: Container, control_plane: ControlPlane, kube: Kube, namespace: str
) -> None:
    (name,) = [
        one["metadata"]["name"]
        for one in kube.items(f"/api/v1/namespaces/{namespace}/serviceaccounts")
        if one["metadata"]["name"].endswith("-node")
    ]
    with Kube(control_plane.service_account(namespace, name)) as loose:
        assert Container(kube=loose).mark("node-0").status_code in (403, 422)
