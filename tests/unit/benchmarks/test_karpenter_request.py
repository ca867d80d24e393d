import shutil
from dataclasses import replace

import pytest

from domain.selectors import LabelSelector, NodeTerm, Operator, Requirement
from domain.workload import PodTerm
from tests.benchmarks.baselines import karpenter
from tests.benchmarks.baselines.karpenter import Preferences, request_of
from tests.benchmarks.errors import LeftOut
from tests.benchmarks.workloads.parts import HOST, ZONE, amounts, deployment
from tests.unit.benchmarks.small import make_workload


def pod_of(request):
    (pod,) = request["pods"]
    return pod


def test_types_go_out_as_what_pods_fit_into_with_the_offerings_of_the_policy():
    request = request_of(make_workload(deployment("web", amounts(500, 512), replicas=1)))
    first = request["types"][0]
    assert first["allocatable"] == {"cpu": "2000m", "memory": str(8 << 30), "pods": "10"}
    assert [(o["zone"], o["capacity_type"], o["price"]) for o in first["offerings"]] == [
        ("zone-a", "on-demand", 1.0),
        ("zone-b", "on-demand", 1.0),
    ]


def test_rules_of_a_pod_go_out_as_match_labels():
    pods = deployment("web", amounts(500, 512, gpus=1), replicas=1, spread=[ZONE], anti_affinity=[HOST])
    pod = pod_of(request_of(make_workload(pods)))
    assert pod["requests"] == {"cpu": "500m", "memory": str(512 << 20), "nvidia.com/gpu": "1"}
    assert pod["spread"] == [{"topology_key": ZONE, "match_labels": {"app": "web"}, "max_skew": 1}]
    assert pod["anti_affinity"] == [{"topology_key": HOST, "match_labels": {"app": "web"}}]


def test_node_affinity_goes_out_as_alternatives():
    (pod,) = deployment("web", amounts(500, 512), replicas=1)
    wanted = NodeTerm(labels=(Requirement(key="gpu", operator=Operator.IN, values=("t4", "l4")),))
    sent = pod_of(request_of(make_workload([replace(pod, node_affinity=(wanted,))])))
    assert sent["node_affinity"] == [[{"key": "gpu", "operator": "In", "values": ["t4", "l4"]}]]


def test_preferences_go_out_beside_the_rules_that_bind():
    workload = make_workload(deployment("web", amounts(500, 512), replicas=1))
    request = request_of(workload, preferences=Preferences(zone="zone-a", apart=((HOST, 3),), ignored=True))
    assert request["ignore_preferences"]
    assert pod_of(request)["preferred_zone"] == "zone-a"
    assert pod_of(request)["preferred_anti_affinity"] == [
        {"topology_key": HOST, "match_labels": {"app": "web"}, "weight": 3}
    ]


def test_a_selector_beyond_match_labels_is_refused():
    (pod,) = deployment("web", amounts(500, 512), replicas=1)
    selector = LabelSelector(requirements=(Requirement(key="app", operator=Operator.EXISTS),))
    odd = replace(pod, affinity=(PodTerm(topology_key=HOST, selector=selector, namespaces=None),))
    with pytest.raises(ValueError, match="more than matchLabels"):
        request_of(make_workload([odd]))


def test_without_go_it_is_left_out_with_a_word(monkeypatch):
    karpenter._build.cache_clear()
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(LeftOut, match="Go is missing"):
        karpenter.run_karpenter(make_workload([]))


def test_the_pinned_release_is_read_from_the_module_file():
    assert karpenter.version().startswith("v1.")
