"""The agent's chart, rendered by Helm, judged by a real API server and installed into it."""

from pathlib import Path

import pytest

from tests.kube.client import JsonObject, Kube
from tests.kube.helm import CHART, Helm, HelmError, case, of_kind
from tests.kube.objects import make_node
from tests.kube.programs import Programs

CASES = [path.name.removesuffix("-values.yaml") for path in sorted(CHART.glob("ci/*-values.yaml"))]
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
SPOT = {"eks.amazonaws.com/capacityType": "SPOT"}


@pytest.fixture
def helm(programs: Programs, tmp_path: Path) -> Helm:
    return Helm(program=programs.helm, home=tmp_path)


@pytest.fixture
def installer(helm: Helm, kubeconfig: Path) -> Helm:
    return Helm(program=helm.program, home=helm.home, kubeconfig=kubeconfig)


@pytest.mark.parametrize("name", CASES)
def test_lint_finds_nothing(helm: Helm, name: str) -> None:
    assert "0 chart(s) failed" in helm.lint(case(name))


@pytest.mark.parametrize("name", CASES)
def test_the_api_server_takes_every_object(helm: Helm, kube: Kube, namespace: str, name: str) -> None:
    found = helm.render(case(name), namespace=namespace)
    assert {"Deployment", "ServiceAccount", "ClusterRole", "ConfigMap", "Service"} <= {one["kind"] for one in found}
    for one in found:
        # The Prometheus Operator's kind is known only where the operator is.
        if one["kind"] != "ServiceMonitor":
            kube.apply(one, dry_run=True)


@pytest.mark.parametrize("name", CASES)
def test_the_agent_fits_the_strictest_pod_security(helm: Helm, kube: Kube, namespace: str, name: str) -> None:
    kube.merge(f"/api/v1/namespaces/{namespace}", {"metadata": {"labels": RESTRICTED}})
    found = helm.render(case(name), namespace=namespace)
    for one in of_kind(found, "ServiceAccount"):
        kube.apply(one)
    pods = of_kind(found, "Pod") + [one["spec"]["template"] for one in of_kind(found, "Deployment")]
    assert len(pods) == 2
    for pod in pods:
        metadata = {"name": "strict", "namespace": namespace}
        kube.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod["spec"]}, dry_run=True)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (("apiUrl=ftp://x",), "apiUrl"),
        (("clusterId=mine",), "clusterId"),
        (("apiToken=",), "existingSecret.name"),
        (("existingSecret.name=mine",), "not both"),
        (("image.repository=",), "repository"),
        (("serviceAccount.create=false",), "serviceAccount.name"),
        (("logLevel=LOUD",), "logLevel"),
    ],
)
def test_wrong_values_are_refused_by_name(helm: Helm, settings: tuple[str, ...], told: str) -> None:
    words = [word for setting in settings for word in ("--set", setting)]
    with pytest.raises(HelmError, match=told):
        helm.render(case("minimal"), *words)


def test_a_refusal_does_not_show_the_key(helm: Helm) -> None:
    with pytest.raises(HelmError) as refused:
        helm.render(case("minimal"), "--set", "apiToken=spotopt_do_not_show,existingSecret.name=mine,replicaCount=9")
    assert "do_not_show" not in str(refused.value)


def test_the_key_lies_in_a_secret_alone(helm: Helm) -> None:
    found = helm.render(case("minimal"))
    (secret,) = of_kind(found, "Secret")
    assert set(secret["data"]) == {"api-token"}
    assert "spotopt_example_token" not in str([one for one in found if one is not secret])


def test_a_secret_of_somebody_else_is_mounted_and_none_is_made(helm: Helm) -> None:
    found = helm.render(case("full"))
    assert of_kind(found, "Secret") == []
    (deployment,) = of_kind(found, "Deployment")
    (token,) = [one["secret"] for one in deployment["spec"]["template"]["spec"]["volumes"] if one["name"] == "token"]
    assert (token["secretName"], token["items"][0]["key"]) == ("spot-optimizer", "token")


def test_changed_settings_start_new_pods(helm: Helm) -> None:
    def annotations(*more: str) -> JsonObject:
        (deployment,) = of_kind(helm.render(case("minimal"), *more), "Deployment")
        return deployment["spec"]["template"]["metadata"]["annotations"]

    before = annotations()
    assert annotations("--set", "apiToken=other")["checksum/secret"] != before["checksum/secret"]
    assert annotations("--set", "logLevel=DEBUG")["checksum/config"] != before["checksum/config"]
    assert annotations() == before


def test_the_port_of_the_service_may_be_called(helm: Helm) -> None:
    def ports(*more: str) -> set[int]:
        (policy,) = of_kind(helm.render(case("minimal"), *more), "NetworkPolicy")
        return {one["port"] for rule in policy["spec"]["egress"] for one in rule["ports"]}

    assert ports() == {53, 443, 6443}
    assert ports("--set", "apiUrl=https://spot-optimizer.example.com:8443/api") == {53, 443, 6443, 8443}
    assert ports("--set", "apiUrl=http://127.0.0.1") == {53, 80, 443, 6443}


def test_a_digest_goes_before_the_tag(helm: Helm) -> None:
    def image(name: str) -> str:
        (deployment,) = of_kind(helm.render(case(name)), "Deployment")
        return deployment["spec"]["template"]["spec"]["containers"][0]["image"]

    assert image("minimal") == "registry.example.com/spot-optimizer-agent:0.1.0"
    assert image("full").startswith("registry.example.com/spot-optimizer-agent@sha256:")


def test_it_is_installed_upgraded_and_leaves_nothing_behind(installer: Helm, kube: Kube, namespace: str) -> None:
    for number in range(2):
        kube.create(make_node(f"node-{number}", labels=SPOT))
    before = cluster_wide(kube)
    chart = (str(CHART), "--namespace", namespace, "--values", str(case("minimal")), "--wait", "--timeout", "60s")
    notes = installer.run("install", "agent", *chart)
    assert "rollout status deployment/agent-spot-optimizer-agent" in notes
    installer.run("upgrade", "agent", *chart, "--set", "replicaCount=2,node.enabled=true")
    pods = kube.items(f"/api/v1/namespaces/{namespace}/pods", fieldSelector="status.phase=Running")
    kinds = sorted(pod["metadata"]["labels"]["app.kubernetes.io/component"] for pod in pods)
    assert kinds.count("node") == 2
    assert kinds.count("agent") >= 2
    installer.run("uninstall", "agent", "--namespace", namespace, "--wait", "--timeout", "60s")
    assert cluster_wide(kube) == before
    assert kube.items(f"/apis/apps/v1/namespaces/{namespace}/deployments") == []


def cluster_wide(kube: Kube) -> set[str]:
    """Names of what a release could leave outside of its namespace."""
    lists = (
        "/apis/rbac.authorization.k8s.io/v1/clusterroles",
        "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
        "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies",
        "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings",
    )
    return {f"{path}/{one['metadata']['name']}" for path in lists for one in kube.items(path)}
