import random
from collections import Counter
from pathlib import Path

import pytest

from domain.market import CapacityType
from tests.benchmarks.errors import LeftOut
from tests.benchmarks.workloads import kwok, mix, openb, running, vectors
from tests.benchmarks.workloads.parts import HOST, NAMESPACE, ZONE

TOY = """3
10 20 30
2
1 2 3 1
4 5 6 2
"""


def on_demand_price(catalog, name):
    """The price in all zones, which must be one."""
    (price,) = {
        o.price_usd_per_h
        for o in catalog.offerings
        if o.pool.instance_type == name and o.capacity_type == CapacityType.ON_DEMAND
    }
    return price


def test_the_kwok_catalogue_has_the_linux_types_below_32_vcpu_in_four_zones_at_two_capacity_types():
    catalog = kwok.catalog()
    assert len(catalog.types) == 5 * 3 * 2
    assert len(catalog.offerings) == 30 * 4 * 2
    assert on_demand_price(catalog, "m-16x-amd64-linux") == pytest.approx(0.025 * 16 + 0.001 * 128 * 1.073741824)
    assert catalog.types["c-1x-arm64-linux"].allocatable.cpu_mcpu == 900


@pytest.mark.parametrize(
    ("name", "pods", "vcpu"),
    [("basic", 1000, 2200), ("basic-700", 700, 1540), ("xl", 2000, 4400), ("wide-1000", 1000, 1972.3)],
)
def test_kwok_workloads_demand_what_is_published(name, pods, vcpu):
    found = kwok.workload(name).snapshot.pods
    assert len(found) == pods
    assert sum(pod.requests.cpu_mcpu for pod in found) == pytest.approx(1000 * vcpu, rel=1e-4)


def test_wide_deployments_carry_their_rules():
    pods = kwok.workload("wide-700").snapshot.pods
    by_app = {pod.labels["app"]: pod for pod in pods}
    assert [term.topology_key for term in by_app["wide-03"].anti_affinity] == [HOST]
    assert [rule.topology_key for rule in by_app["wide-04"].spread] == [ZONE, HOST]
    assert all(pod.spread[0].topology_key == ZONE for pod in pods)
    assert Counter(Counter(pod.labels["app"] for pod in pods).values()) == {25: 20, 20: 10}


@pytest.mark.parametrize("size", [1, 50, 503])
def test_the_mix_has_a_fifth_of_each_kind_and_the_rest_generic(size):
    pods = mix.diverse(size).snapshot.pods
    kinds = Counter(
        "spread" if pod.spread else "affinity" if pod.affinity else "apart" if pod.anti_affinity else "generic"
        for pod in pods
    )
    share = size // 5
    assert (
        kinds
        == Counter({"spread": 2 * share, "affinity": share, "apart": share, "generic": size - 4 * share}) - Counter()
    )


def test_the_mix_repeats_for_a_seed_and_differs_between_seeds():
    assert mix.diverse(60, seed=1).snapshot == mix.diverse(60, seed=1).snapshot
    assert mix.diverse(60, seed=1).snapshot != mix.diverse(60, seed=2).snapshot


def test_the_mix_catalogue_sells_each_type_at_one_price_in_five_offerings():
    catalog = mix.catalog()
    first = [o for o in catalog.offerings if o.pool.instance_type == "fake-it-0"]
    assert len(catalog.types) == 400
    assert Counter(o.capacity_type for o in first) == {CapacityType.SPOT: 2, CapacityType.ON_DEMAND: 3}
    assert [o.price_usd_per_h for o in first] == [pytest.approx(0.3147483648)] * 5


def test_preference_pods_are_alike_and_bound_by_nothing():
    pods = mix.preferences(20).snapshot.pods
    assert len({pod.requests for pod in pods}) == 1
    assert not any(pod.spread or pod.affinity or pod.anti_affinity or pod.node_affinity for pod in pods)


def test_a_vector_instance_becomes_one_type_and_a_pod_per_unit_of_demand():
    published = {"LB": "2", "OPT": "-1", "best_overall": "3"}
    instance = vectors.parse("toy", TOY, published=published)
    assert instance.items == ((1, 2, 3), (4, 5, 6), (4, 5, 6))
    assert instance.optimum is None
    workload = vectors.workload(instance)
    (kind,) = workload.catalog.types.values()
    assert [amount for _, amount in kind.allocatable.extended] == [30]
    assert all(not pod.requests.short_of(kind.allocatable) for pod in workload.snapshot.pods)
    assert [o.price_usd_per_h for o in workload.catalog.offerings] == [1.0]


@pytest.mark.parametrize(
    ("spec", "models"),
    [
        ("", ()),
        ("T4", ("t4",)),
        ("V100M16|V100M32", ("v100",)),
        ("P100", ()),
        ("P100|T4", ()),
        ("A10", ()),
    ],
)
def test_a_gpu_model_binds_only_when_all_models_named_are_on_offer(spec, models):
    assert openb._models(spec, {"t4", "v100", ""}) == models


def test_without_the_public_data_a_workload_is_left_out_and_says_what_is_missing(monkeypatch, tmp_path: Path):
    monkeypatch.setenv("SPOTOPT_DATA", str(tmp_path))
    with pytest.raises(LeftOut, match="openb_pod_list_default"):
        openb.workload("default")
    with pytest.raises(LeftOut, match="New_summary"):
        list(vectors.instances())


def test_a_running_cluster_has_as_many_nodes_as_asked_and_no_node_is_overfull():
    snapshot = running.running_cluster(30, kept=0.75).snapshot
    assert len(snapshot.nodes) == 30
    for node in snapshot.nodes:
        held = [pod.requests for pod in snapshot.pods if pod.node_name == node.name]
        assert sum(r.cpu_mcpu for r in held) <= node.allocatable.cpu_mcpu
        assert sum(r.memory_bytes for r in held) <= node.allocatable.memory_bytes


def test_scaling_down_leaves_every_deployment_its_share_and_at_least_one_pod():
    full = Counter(p.labels["app"] for p in running.running_cluster(30, kept=1.0).snapshot.pods if not p.is_daemon)
    half = Counter(p.labels["app"] for p in running.running_cluster(30, kept=0.5).snapshot.pods if not p.is_daemon)
    assert half == {app: max(1, round(0.5 * count)) for app, count in full.items()}


def test_pods_of_a_running_cluster_are_drawn_the_same_for_a_seed():
    again = list(running._deployments(100, random.Random(1)))
    assert again == list(running._deployments(100, random.Random(1)))
    assert {pod.namespace for pod in again} == {NAMESPACE}
