"""Right-sizing on a real API server: what is owned, what is undone, and what is left to others."""

from collections.abc import Mapping

from agent.actions.resources import MANAGER
from domain.wire.messages import ResultBody
from tests.kube.agent_process import AgentProcess
from tests.kube.client import JsonObject, path_of
from tests.kube.home import SHORT, Home, do
from tests.kube.objects import make_deployment, make_node


def resize(home: Home, agent: AgentProcess, name: str, *, cpu: str) -> ResultBody:
    container = {"name": "main", "requests": {"cpu": cpu}, "limits": {}}
    return do(home, agent, "update_deployment", namespace=home.namespace, name=name, containers=[container])


def cpu_of(deployment: JsonObject) -> str:
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return str(container["resources"]["requests"]["cpu"])


def test_a_change_is_rolled_out_and_owns_nothing_but_what_it_names(home: Home) -> None:
    home.kube.create(make_node("node-0"))
    web = make_deployment(home.namespace, "web", replicas=2, annotations=SHORT)
    home.run(web)
    with home.agent() as agent:
        result = resize(home, agent, "web", cpu="50m")
        assert (result.status, result.error_message) == ("completed", None)
    found = home.kube.get(path_of(web))
    assert cpu_of(found) == "50m"
    assert {pod["spec"]["containers"][0]["resources"]["requests"]["cpu"] for pod in home.pods()} == {"50m"}
    (entry,) = [one for one in found["metadata"]["managedFields"] if one["manager"] == MANAGER]
    container = {"f:name": {}, "f:resources": {"f:requests": {"f:cpu": {}}}}
    containers = {'k:{"name":"main"}': {".": {}} | container}
    assert entry["operation"] == "Apply"
    assert entry["fieldsV1"] == {"f:spec": {"f:template": {"f:spec": {"f:containers": containers}}}}


def test_a_rollout_that_fails_is_undone(home: Home) -> None:
    home.kube.create(make_node("node-0"))
    web = make_deployment(home.namespace, "web", replicas=2, annotations=SHORT)
    web["spec"]["progressDeadlineSeconds"] = 4
    before = {pod["metadata"]["uid"] for pod in home.run(web)}
    with home.agent() as agent:
        result = resize(home, agent, "web", cpu="100")  # no node has as many
        assert result.status == "failed"
        assert "was undone: ProgressDeadlineExceeded" in str(result.error_message)
        assert result.result["rolled_back"] is True
    assert cpu_of(home.kube.get(path_of(web))) == "100m"
    home.kube.wait(home.pods, until=lambda pods: len(pods) == 2)
    assert before & {pod["metadata"]["uid"] for pod in home.pods()}


STEERED: Mapping[str, tuple[str, JsonObject, str]] = {
    "autoscaled": ("HorizontalPodAutoscaler autoscaled scales it on cpu", {}, "kubectl"),
    "argo-label": ("Argo CD manages it", {"labels": {"argocd.argoproj.io/instance": "shop"}}, "kubectl"),
    "argo-mark": ("Argo CD manages it", {"annotations": {"argocd.argoproj.io/tracking-id": "shop"}}, "kubectl"),
    "argo-manager": ("Argo CD manages it (field manager argocd-controller)", {}, "argocd-controller"),
    "flux-label": ("Flux manages it", {"labels": {"kustomize.toolkit.fluxcd.io/name": "shop"}}, "kubectl"),
    "flux-manager": ("Flux manages it (field manager kustomize-controller)", {}, "kustomize-controller"),
}
"""By name: why it is left alone, and the metadata and the field manager that say so."""


def scale_on_cpu(home: Home, name: str) -> None:
    """An autoscaler that counts pods by their processor time."""
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    metric = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60}}
    spec = {"scaleTargetRef": target, "maxReplicas": 3, "metrics": [{"type": "Resource", "resource": metric}]}
    metadata = {"name": name, "namespace": home.namespace}
    body = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": metadata, "spec": spec}
    home.kube.create(body)


def test_what_somebody_else_steers_is_left_alone_with_the_reason(home: Home) -> None:
    made = {name: make_deployment(home.namespace, name, replicas=0) for name in STEERED}
    for name, (_, metadata, manager) in STEERED.items():
        made[name]["metadata"] |= metadata
        home.kube.apply(made[name], manager=manager)
    scale_on_cpu(home, "autoscaled")
    with home.agent() as agent:
        for name, (why, _, _) in STEERED.items():
            result = resize(home, agent, name, cpu="50m")
            assert (result.status, why in str(result.error_message)) == ("failed", True), f"{name}: {result}"
            assert cpu_of(home.kube.get(path_of(made[name]))) == "100m"


def test_an_autoscaler_on_another_resource_is_no_hindrance(home: Home) -> None:
    web = make_deployment(home.namespace, "web", replicas=0)
    home.kube.create(web)
    scale_on_cpu(home, "web")
    container = {"name": "main", "requests": {"memory": "32Mi"}, "limits": {}}
    with home.agent() as agent:
        result = do(home, agent, "update_deployment", namespace=home.namespace, name="web", containers=[container])
        assert (result.status, result.error_message) == ("completed", None)
