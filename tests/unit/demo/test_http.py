"""The simulated API server, asked through its application: no socket is opened."""

import asyncio
from typing import Any

import httpx
import orjson
import pytest

from demo.clusters.workloads import budget, deployment, namespace, pod
from demo.kubernetes.http import KubernetesServer
from demo.kubernetes.store import Object
from tests.unit.demo.kube import Scene

NODES, PODS = "/scene/api/v1/nodes", "/scene/api/v1/pods"
WEB = "/scene/apis/apps/v1/namespaces/shop/deployments/web"
MERGE, APPLY = "application/merge-patch+json", "application/apply-patch+yaml"
STRATEGIC = "application/strategic-merge-patch+json"


@pytest.fixture
def scene() -> Scene:
    web = deployment("shop", "web", 4, pod("web", cpu=500, memory=512))
    scene = Scene(namespace("shop"), web, budget("shop", "web", maxUnavailable=1))
    scene.until(lambda: scene.ready("web") == 4)
    scene.run(1)
    return scene


def client(scene: Scene, *, token: str = "token") -> httpx.AsyncClient:
    app = KubernetesServer({"scene": scene.cluster})
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://kube", headers=headers)


async def patch(http: httpx.AsyncClient, path: str, body: Object, *, kind: str, **params: str) -> httpx.Response:
    return await http.patch(path, content=orjson.dumps(body), headers={"Content-Type": kind}, params=params)


@pytest.mark.parametrize("token", ["", "another"], ids=["none", "another"])
async def test_nobody_is_let_in_without_the_token_of_the_cluster(scene: Scene, token: str) -> None:
    async with client(scene, token=token) as http:
        assert (await http.get(NODES)).status_code == 401


@pytest.mark.parametrize(
    "path", ["/scene/api/v1/secrets", "/scene/apis/autoscaling/v2/namespaces/shop/x", "/scene/nope"]
)
async def test_kinds_that_are_not_served_are_not_found(scene: Scene, path: str) -> None:
    async with client(scene) as http:
        assert (await http.get(path)).status_code == 404


async def test_a_list_comes_in_pages_that_add_up(scene: Scene) -> None:
    names: list[str] = []
    params = {"limit": "3"}
    async with client(scene) as http:
        while True:
            page = (await http.get(PODS, params=params)).json()
            names += [one["metadata"]["name"] for one in page["items"]]
            if not (token := page["metadata"].get("continue")):
                break
            assert page["metadata"]["remainingItemCount"] > 0
            params = {"limit": "3", "continue": token}
    assert len(names) == len(set(names)) == 4


async def test_pods_are_selected_by_their_node(scene: Scene) -> None:
    node = scene.store.of("nodes")[0]["metadata"]["name"]
    async with client(scene) as http:
        found = (await http.get(PODS, params={"fieldSelector": f"spec.nodeName={node}"})).json()["items"]
    assert {one["metadata"]["name"] for one in found} == set(scene.on(scene.store.of("nodes")[0]))


async def test_a_patch_that_rests_on_an_old_version_is_refused(scene: Scene) -> None:
    node = scene.store.of("nodes")[0]
    path = f"{NODES}/{node['metadata']['name']}"
    body = {"metadata": {"resourceVersion": node["metadata"]["resourceVersion"]}, "spec": {"unschedulable": True}}
    async with client(scene) as http:
        assert (await patch(http, path, body, kind=MERGE)).json()["spec"]["unschedulable"] is True
        assert (await patch(http, path, body | {"spec": {}}, kind=MERGE)).status_code == 409


async def test_conditions_are_merged_by_their_type(scene: Scene) -> None:
    node = scene.store.of("nodes")[0]
    told = {"type": "SpotInterruption", "status": "True", "message": "i-1"}
    async with client(scene) as http:
        path = f"{NODES}/{node['metadata']['name']}/status"
        answer = await patch(http, path, {"status": {"conditions": [told]}}, kind=STRATEGIC)
    kinds = [one["type"] for one in answer.json()["status"]["conditions"]]
    assert sorted(kinds) == sorted({*kinds})
    assert {"Ready", "SpotInterruption"} <= set(kinds)


def intent(**requests: str) -> Object:
    container = {"name": "web", "resources": {"requests": requests}}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"template": {"spec": {"containers": [container]}}}}


async def test_an_applied_intent_is_owned_and_what_it_no_longer_names_is_dropped(scene: Scene) -> None:
    async with client(scene) as http:
        first = (await patch(http, WEB, intent(cpu="600m", memory="1Gi"), kind=APPLY, fieldManager="me")).json()
        (owner,) = first["metadata"]["managedFields"]
        assert (owner["manager"], owner["operation"]) == ("me", "Apply")
        second = (await patch(http, WEB, intent(cpu="700m"), kind=APPLY, fieldManager="me")).json()
    (container,) = second["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["requests"] == {"cpu": "700m"}
    assert second["metadata"]["generation"] == first["metadata"]["generation"] + 1 == 3


async def test_a_dry_run_changes_nothing(scene: Scene) -> None:
    async with client(scene) as http:
        told = (await patch(http, WEB, intent(cpu="600m"), kind=APPLY, fieldManager="me", dryRun="All")).json()
    assert told["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["cpu"] == "600m"
    (kept,) = scene.store.of("deployments")
    assert kept["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["cpu"] == "500m"


async def test_an_eviction_that_a_budget_forbids_says_which_and_when_to_try_again(scene: Scene) -> None:
    names = [one["metadata"]["name"] for one in scene.pods("web")]
    async with client(scene) as http:
        answers = [
            await http.post(f"/scene/api/v1/namespaces/shop/pods/{name}/eviction", json={}) for name in names[:2]
        ]
    assert [answer.status_code for answer in answers] == [201, 429]
    assert answers[1].json()["details"]["causes"][0]["reason"] == "DisruptionBudget"
    assert answers[1].headers["Retry-After"] == "10"


async def test_a_watch_tells_changes_and_ends_in_time(scene: Scene) -> None:
    version = str(scene.store.version)
    node = scene.store.of("nodes")[0]
    scene.store.edit(node, lambda changed: changed["spec"].update(unschedulable=True))
    params = {"watch": "true", "resourceVersion": version, "timeoutSeconds": "0.05"}
    async with client(scene) as http:
        async with asyncio.timeout(5):
            answer = await http.get(NODES, params=params)
    events: list[dict[str, Any]] = [orjson.loads(line) for line in answer.content.splitlines()]
    assert [event["type"] for event in events if event["type"] != "BOOKMARK"] == ["MODIFIED"]


async def test_use_is_measured_as_long_as_a_pod_runs(scene: Scene) -> None:
    async with client(scene) as http:
        pods = (await http.get("/scene/apis/metrics.k8s.io/v1beta1/pods")).json()["items"]
        nodes = (await http.get("/scene/apis/metrics.k8s.io/v1beta1/nodes")).json()["items"]
    assert len(pods) == 4
    assert len(nodes) == 3
    assert all(pod["containers"][0]["usage"]["cpu"].endswith("m") for pod in pods)
