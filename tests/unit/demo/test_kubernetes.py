"""Simulated Kubernetes: pods are made, placed, started, evicted, replaced."""

from collections import Counter
from datetime import timedelta

import pytest

from demo.clusters.workloads import budget, cron_job, daemon_set, deployment, namespace, pod, stateful_set
from demo.kubernetes.budgets import evict
from demo.kubernetes.errors import ApiError
from demo.kubernetes.nodes import announce, lose
from demo.kubernetes.objects import condition_of
from tests.unit.demo.kube import ZONES, Scene

SHOP = namespace("shop")


def web(replicas: int = 3, **rules: object) -> dict[str, object]:
    return deployment("shop", "web", replicas, pod("web", cpu=500, memory=512, **rules))


def test_a_deployment_becomes_pods_that_are_placed_and_get_ready() -> None:
    scene = Scene(SHOP, web(6))
    scene.until(lambda: scene.ready("web") == 6)
    assert {len(scene.on(node)) for node in scene.store.of("nodes")} == {2}
    scene.until(lambda: scene.store.of("deployments")[0]["status"]["availableReplicas"] == 6)


def test_pods_that_fit_nowhere_wait_and_say_so_until_a_node_comes() -> None:
    scene = Scene(SHOP, web(1), nodes=())
    scene.run(5)
    assert condition_of(scene.pods("web")[0], "PodScheduled")["reason"] == "Unschedulable"
    scene.add_node()
    scene.until(lambda: scene.ready("web") == 1)


def test_no_pod_comes_to_a_cordoned_node() -> None:
    scene = Scene(SHOP, web(4), nodes=("m5.xlarge", "m5.xlarge"))
    cordoned = scene.store.of("nodes")[0]
    scene.store.edit(cordoned, lambda node: node["spec"].update(unschedulable=True))
    scene.until(lambda: scene.ready("web") == 4)
    assert scene.on(cordoned) == []


def test_an_evicted_pod_ends_and_another_takes_its_place() -> None:
    scene = Scene(SHOP, web(3))
    scene.until(lambda: scene.ready("web") == 3)
    victim = scene.pods("web")[0]
    evict(scene.store, victim["metadata"]["name"], "shop", {}, dry_run=False)
    scene.until(lambda: scene.store.find("pods", victim["metadata"]["name"], "shop") is None)
    scene.until(lambda: scene.ready("web") == 3)


def test_a_budget_refuses_what_would_break_it_until_the_replacement_is_ready() -> None:
    scene = Scene(SHOP, web(3), budget("shop", "web", maxUnavailable=1))
    scene.until(lambda: scene.ready("web") == 3)
    first, second, _ = scene.pods("web")
    evict(scene.store, first["metadata"]["name"], "shop", {}, dry_run=False)
    with pytest.raises(ApiError) as refused:
        evict(scene.store, second["metadata"]["name"], "shop", {}, dry_run=False)
    assert refused.value.status == 429
    assert refused.value.causes[0]["reason"] == "DisruptionBudget"
    scene.until(lambda: scene.ready("web") == 3)
    evict(scene.store, second["metadata"]["name"], "shop", {}, dry_run=False)


@pytest.mark.parametrize(
    ("rule", "allowed"),
    [
        ({"maxUnavailable": "25%"}, 1),
        ({"minAvailable": "80%"}, 0),
        ({"minAvailable": 2}, 2),
        ({"maxUnavailable": 0}, 0),
    ],
    ids=["25-percent-down", "80-percent-up", "two-up", "none-down"],
)
def test_a_budget_counts_as_kubernetes_does(rule: dict[str, int | str], allowed: int) -> None:
    scene = Scene(SHOP, web(4), budget("shop", "web", **rule))
    scene.until(lambda: scene.ready("web") == 4)
    scene.run(1)
    assert scene.store.of("poddisruptionbudgets")[0]["status"]["disruptionsAllowed"] == allowed


def test_an_eviction_of_another_pod_of_the_same_name_is_a_conflict() -> None:
    scene = Scene(SHOP, web(1))
    scene.until(lambda: scene.ready("web") == 1)
    body = {"deleteOptions": {"preconditions": {"uid": "somebody-else"}}}
    with pytest.raises(ApiError) as refused:
        evict(scene.store, scene.pods("web")[0]["metadata"]["name"], "shop", body, dry_run=False)
    assert refused.value.status == 409


def test_pods_are_spread_over_zones_and_kept_apart_as_they_ask() -> None:
    scene = Scene(SHOP, web(6, spread_zones=1), nodes=("m5.2xlarge",) * 3)
    scene.until(lambda: scene.ready("web") == 6)
    assert set(Counter(pod["spec"]["nodeName"] for pod in scene.pods("web")).values()) == {2}
    apart = Scene(SHOP, web(4, apart=True))
    apart.run(20)
    assert apart.ready("web") == 3


def test_a_pod_comes_back_to_the_zone_of_its_disk() -> None:
    db = stateful_set("shop", "db", 1, pod("db", cpu=500, memory=512), disk_gib=10)
    scene = Scene(SHOP, db, nodes=("m5.xlarge",))
    scene.until(lambda: scene.ready("db") == 1)
    first = scene.store.of("nodes")[0]
    scene.add_node(zone=ZONES[1])
    scene.store.edit(first, lambda node: node["spec"].update(unschedulable=True))
    evict(scene.store, "db-0", "shop", {}, dry_run=False)
    scene.run(20)
    assert scene.ready("db") == 0
    scene.add_node(zone=ZONES[0])
    scene.until(lambda: scene.ready("db") == 1)


def test_every_node_gets_its_daemons() -> None:
    scene = Scene(SHOP, daemon_set("shop", "log", pod("log", cpu=10, memory=16, tolerates="*")))
    scene.until(lambda: scene.ready("log") == 3)
    scene.add_node()
    scene.until(lambda: scene.ready("log") == 4)


def test_jobs_come_end_and_are_cleared_away() -> None:
    job = cron_job(
        "shop", "import", pod("import", cpu=100, memory=64, run_s=10), every_s=60, completions=2, parallelism=1
    )
    scene = Scene(SHOP, job)
    scene.until(lambda: any("completionTime" in job["status"] for job in scene.store.of("jobs")))
    scene.until(lambda: not scene.store.of("jobs"))
    assert scene.pods("import") == []
    scene.until(lambda: len(scene.store.of("jobs")) == 1)


def test_a_changed_template_is_rolled_out_without_falling_below_three_quarters() -> None:
    scene = Scene(SHOP, web(4))
    scene.until(lambda: scene.ready("web") == 4)
    before = {pod["metadata"]["uid"] for pod in scene.pods("web")}
    (live,) = scene.store.of("deployments")
    scene.store.edit(
        live,
        lambda obj: obj["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"].update(cpu="600m"),
    )
    least = 4
    for _ in range(200):
        scene.run(0.5)
        least = min(least, scene.ready("web"))
    assert least >= 3
    assert before.isdisjoint(pod["metadata"]["uid"] for pod in scene.pods("web"))
    assert len(scene.store.of("replicasets")) == 1
    assert scene.store.of("deployments")[0]["status"]["updatedReplicas"] == 4


def test_a_node_whose_instance_ends_goes_with_its_pods_and_others_take_their_place() -> None:
    scene = Scene(SHOP, web(6))
    scene.until(lambda: scene.ready("web") == 6)
    node = scene.store.of("nodes")[0]
    announce(scene.store, "i-00000000000000000", deadline=scene.time() + timedelta(minutes=2))
    told = condition_of(scene.store.get("nodes", node["metadata"]["name"]), "SpotInterruption")
    assert told["message"].startswith("i-00000000000000000 ")
    lose(scene.store, "i-00000000000000000")
    assert scene.ready("web") == 4
    scene.until(lambda: scene.store.find("nodes", node["metadata"]["name"]) is None)
    scene.until(lambda: scene.ready("web") == 6)


def test_a_cluster_at_rest_changes_nothing() -> None:
    scene = Scene(SHOP, web(6), budget("shop", "web", maxUnavailable=1))
    scene.until(lambda: scene.ready("web") == 6)
    scene.run(2)
    version = scene.store.version
    scene.run(60)
    assert scene.store.version == version
