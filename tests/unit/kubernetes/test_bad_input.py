"""Whatever is malformed is named by object and field."""

from typing import Any

import pytest

from domain.errors import InputError
from tests.unit.kubernetes.kube import Json, make_budget, make_node, make_object, make_pod, read

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
REQUESTS = "spec.containers[0].resources.requests"


def put(obj: Json, path: str, value: object) -> Json:
    """The object with a value at a path such as ``spec.containers.0.name``."""
    steps: list[Any] = [int(step) if step.isdigit() else step for step in path.split("/")]
    place: Any = obj
    for step in steps[:-1]:
        if isinstance(place, dict) and step not in place:
            place[step] = {}
        place = place[step]
    place[steps[-1]] = value
    return obj


def refusal(*objects: Json) -> InputError:
    with pytest.raises(InputError) as caught:
        read(*objects)
    return caught.value


@pytest.mark.parametrize(
    ("path", "value", "field", "word"),
    [
        ("spec/containers/0/resources/requests/cpu", "1x", f"{REQUESTS}.cpu", "'1x' is not a quantity"),
        ("spec/containers/0/resources/requests/cpu", "-1", f"{REQUESTS}.cpu", "negative"),
        ("spec/containers/0/resources/requests/cpu", True, f"{REQUESTS}.cpu", "quantity"),
        ("spec/containers/0/resources/requests/cpu", [], f"{REQUESTS}.cpu", "quantity"),
        ("spec/containers/0/resources/requests/memory", "1e99", f"{REQUESTS}.memory", "larger"),
        ("spec/containers/0/resources/requests/nvidia.com~1gpu", "?", f"{REQUESTS}.nvidia.com~1gpu", "quantity"),
        ("spec/containers/0/resources/requests", 3, REQUESTS, "must be an object"),
        ("spec/containers/0", "x", "spec.containers[0]", "must be an object"),
        ("spec/containers", {}, "spec.containers", "must be a list"),
        ("spec/containers", None, "spec.containers", "is missing"),
        ("spec", "x", "spec", "must be an object"),
        ("spec/overhead", {"cpu": "x"}, "spec.overhead.cpu", "quantity"),
        ("spec/resources", {"requests": {"cpu": ""}}, "spec.resources.requests.cpu", "quantity"),
        ("spec/nodeName", 7, "spec.nodeName", "must be a string, not 7"),
        ("spec/priority", "high", "spec.priority", "whole number"),
        ("spec/priority", 10**30, "spec.priority", "at most"),
        ("spec/nodeSelector", {"a": "\ud800"}, "spec.nodeSelector.a", "no text"),
        ("spec/nodeSelector", {"\udfff": "a"}, "spec.nodeSelector", "no text"),
        ("spec/overhead", {"cpu": "9e18"}, "spec.containers", "more cpu than"),
        ("spec/priority", True, "spec.priority", "whole number"),
        ("spec/hostNetwork", "yes", "spec.hostNetwork", "true or false"),
        ("spec/nodeSelector", {"a": 1}, "spec.nodeSelector.a", "must be a string"),
        ("metadata/labels", {"a": True}, "metadata.labels.a", "must be a string"),
        ("metadata/labels", [], "metadata.labels", "must be an object"),
        ("metadata/ownerReferences/0/kind", None, "metadata.ownerReferences[0].kind", "is missing"),
        ("status/phase", {}, "status.phase", "must be a string"),
        ("status/conditions/0", 1, "status.conditions[0]", "must be an object"),
        ("spec/tolerations", [{"key": "a", "operator": "In"}], "spec.tolerations[0].operator", "Equal or Exists"),
        ("spec/tolerations", [{"value": "a"}], "spec.tolerations[0].key", "must not be empty"),
        ("spec/tolerations", [{"key": "a", "effect": "Never"}], "spec.tolerations[0].effect", "NoExecute"),
        (
            "spec/volumes",
            [{"persistentVolumeClaim": {}}],
            "spec.volumes[0].persistentVolumeClaim.claimName",
            "is missing",
        ),
        (
            "spec/containers/0/ports",
            [{"hostPort": 70000}],
            "spec.containers[0].ports[0].hostPort",
            "at most 65535",
        ),
        ("spec/containers/0/ports", [{"hostPort": -1}], "spec.containers[0].ports[0].hostPort", "at least 0"),
    ],
)
def test_a_malformed_pod_is_named_with_its_field(path: str, value: object, field: str, word: str) -> None:
    error = refusal(make_node(), put(make_pod("api-7d"), path, value))
    assert (error.obj, error.field) == ("Pod shop/api-7d", field)
    assert word in error.problem


def node_affinity(*terms: Json) -> Json:
    return make_pod(affinity={"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": list(terms)}}})


@pytest.mark.parametrize(
    ("pod", "end", "word"),
    [
        (node_affinity(), "nodeSelectorTerms", "at least one term"),
        (node_affinity({"matchExpressions": [{"operator": "Exists"}]}), "[0].key", "is missing"),
        (node_affinity({"matchExpressions": [{"key": "a"}]}), "[0].operator", "is missing"),
        (node_affinity({"matchExpressions": [{"key": "a", "operator": "Like"}]}), "[0].operator", "one of In"),
        (node_affinity({"matchExpressions": [{"key": "a", "operator": "In"}]}), "[0].values", "must not be empty"),
        (node_affinity({"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["x"]}]}), "values", "empty"),
        (node_affinity({"matchExpressions": [{"key": "a", "operator": "Gt", "values": ["x"]}]}), "values", "number"),
        (node_affinity({"matchExpressions": [{"key": "a", "operator": "Lt", "values": ["1", "2"]}]}), "values", "one"),
        (
            node_affinity({"matchFields": [{"key": "spec.x", "operator": "In", "values": ["n"]}]}),
            "matchFields[0].key",
            "metadata.name",
        ),
        (
            make_pod(affinity={"podAffinity": {REQUIRED: [{"labelSelector": {}}]}}),
            "podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey",
            "is missing",
        ),
        (
            make_pod(
                affinity={
                    "podAntiAffinity": {
                        REQUIRED: [
                            {
                                "topologyKey": "z",
                                "labelSelector": {
                                    "matchExpressions": [{"key": "a", "operator": "Gt", "values": ["1"]}]
                                },
                            }
                        ]
                    }
                }
            ),
            "labelSelector.matchExpressions[0].operator",
            "must be one of",
        ),
        (make_pod(topologySpreadConstraints=[{"topologyKey": "z"}]), "[0].maxSkew", "is missing"),
        (make_pod(topologySpreadConstraints=[{"topologyKey": "z", "maxSkew": 0}]), "[0].maxSkew", "at least 1"),
        (make_pod(topologySpreadConstraints=[{"maxSkew": 1}]), "[0].topologyKey", "is missing"),
        (
            make_pod(topologySpreadConstraints=[{"maxSkew": 1, "topologyKey": "z", "whenUnsatisfiable": "Never"}]),
            "whenUnsatisfiable",
            "ScheduleAnyway",
        ),
        (
            make_pod(topologySpreadConstraints=[{"maxSkew": 1, "topologyKey": "z", "nodeTaintsPolicy": "Maybe"}]),
            "nodeTaintsPolicy",
            "Honor",
        ),
        (make_pod(topologySpreadConstraints=[{"maxSkew": 1, "topologyKey": "z", "minDomains": 0}]), "minDomains", "1"),
    ],
)
def test_a_malformed_rule_is_named_with_its_field(pod: Json, end: str, word: str) -> None:
    error = refusal(make_node(), pod)
    assert error.obj == "Pod shop/api-1"
    assert error.field.endswith(end)
    assert word in error.problem


@pytest.mark.parametrize(
    ("path", "value", "field", "word"),
    [
        ("metadata/name", "", "metadata.name", "is missing"),
        ("metadata/name", ["a"], "metadata.name", "must be a string"),
        ("metadata", None, "metadata.name", "is missing"),
        ("metadata", 5, "metadata", "must be an object"),
        ("status/allocatable", None, "status.allocatable", "is missing"),
        ("status/allocatable", {"memory": "1Gi", "pods": "3"}, "status.allocatable.cpu", "is missing"),
        ("status/allocatable/pods", "-3", "status.allocatable.pods", "negative"),
        ("status/allocatable/cpu", "four", "status.allocatable.cpu", "quantity"),
        ("spec/taints", [{"key": "a"}], "spec.taints[0].effect", "is missing"),
        ("spec/taints", [{"key": "a", "effect": "Sometimes"}], "spec.taints[0].effect", "NoSchedule"),
        ("spec/taints", [{"effect": "NoSchedule"}], "spec.taints[0].key", "is missing"),
        ("spec/unschedulable", "true", "spec.unschedulable", "true or false"),
    ],
)
def test_a_malformed_node_is_named_with_its_field(path: str, value: object, field: str, word: str) -> None:
    error = refusal(put(make_node("n1"), path, value), make_pod())
    assert error.obj.startswith("Node")
    assert error.field == field
    assert word in error.problem


@pytest.mark.parametrize(
    ("obj", "name", "field"),
    [
        (make_budget(minAvailable="half"), "PodDisruptionBudget shop/api", "spec.minAvailable"),
        (make_budget(minAvailable="-5%"), "PodDisruptionBudget shop/api", "spec.minAvailable"),
        (make_budget(maxUnavailable=-1), "PodDisruptionBudget shop/api", "spec.maxUnavailable"),
        (make_budget(maxUnavailable=1, minAvailable=1), "PodDisruptionBudget shop/api", "spec.maxUnavailable"),
        (make_budget(selector=[]), "PodDisruptionBudget shop/api", "spec.selector"),
        (
            make_budget(status={"disruptionsAllowed": -1, "observedGeneration": 1}),
            "PodDisruptionBudget shop/api",
            "status.disruptionsAllowed",
        ),
        (make_object("DaemonSet", "d"), "DaemonSet shop/d", "spec.template"),
        (
            make_object("DaemonSet", "d", spec={"template": {"spec": {}}}),
            "DaemonSet shop/d",
            "spec.template.spec.containers",
        ),
    ],
)
def test_other_malformed_objects_are_named_with_their_field(obj: Json, name: str, field: str) -> None:
    error = refusal(make_node(), make_pod(), obj)
    assert (error.obj, error.field) == (name, field)


def test_a_malformed_replica_count_is_named_when_it_is_needed() -> None:
    controller = make_object("StatefulSet", "api", spec={"replicas": "three"})
    error = refusal(make_node(), make_pod(labels={"app": "api"}), make_budget(minAvailable="50%"), controller)
    assert (error.obj, error.field) == ("StatefulSet shop/api", "spec.replicas")


def test_contradictory_rules_are_no_input_error() -> None:
    terms = [{"matchExpressions": [{"key": "a", "operator": "Exists"}, {"key": "a", "operator": "DoesNotExist"}]}]
    pod = node_affinity(*terms)
    pod["spec"]["nodeSelector"] = {"zone": "moon"}
    assert len(read(make_node(), pod).pods) == 1
