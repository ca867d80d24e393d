"""Drains, carried out on a Kubernetes in memory and on virtual time."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import generate_latest

from agent.drains.marks import CORDONED, DRAINING, DrainOrder, drain_of, is_cordoned
from agent.drains.order import Drive
from agent.drains.registry import Drains
from agent.drains.report import DrainReport, Ending
from agent.kubernetes.errors import Cause, ForbiddenError, UnavailableError
from agent.telemetry import Telemetry
from tests.unit.agent.twin import START, Cluster, TwinClock, run

DEADLINE_S = 120


def interruption(node: str = "a", *, within_s: float | None = DEADLINE_S) -> DrainOrder:
    deadline = START + timedelta(seconds=within_s) if within_s is not None else None
    return DrainOrder(node=node, why="AWS takes it", drive=Drive.INTERRUPTED, deadline=deadline)


def choice(node: str = "a") -> DrainOrder:
    return DrainOrder(node=node, why="plan 7", drive=Drive.VOLUNTARY)


def drained(prepare: Callable[[Cluster], Any], order: DrainOrder) -> tuple[Cluster, DrainReport]:
    """Prepare a cluster with nodes a and b, drain one of them, and let it settle."""

    async def main() -> tuple[Cluster, DrainReport]:
        cluster = Cluster()
        cluster.node("a")
        cluster.node("b")
        prepare(cluster)
        drains = Drains(cluster, TwinClock(), telemetry=Telemetry(), own_pod="agents/agent")
        report = await drains.drain(order)
        await drains.close()
        return cluster, report

    return run(main())


def with_drains(main: Callable[[Cluster, Drains], Coroutine[Any, Any, None]]) -> None:
    async def whole() -> None:
        cluster = Cluster()
        cluster.node("a")
        cluster.node("b")
        drains = Drains(cluster, TwinClock(), telemetry=Telemetry())
        await main(cluster, drains)
        await drains.close()

    run(whole())


def annotations(cluster: Cluster, node: str = "a") -> dict[str, str]:
    return cluster.read_node(node)["metadata"].get("annotations", {})


def test_a_node_is_cordoned_and_emptied_and_its_pods_end_before_it_counts_as_empty() -> None:
    cluster, report = drained(lambda c: c.workload("api", nodes=["a", "a", "b"]), interruption())
    assert report.ending is Ending.EMPTY
    assert report.left_node == ("shop/api-0", "shop/api-1")
    assert is_cordoned(cluster.read_node("a"))
    assert sorted(cluster.ended) == ["api-0", "api-1"]
    assert cluster.pods_on("a") == []
    assert cluster.pods_on("b") == ["api-2"]


def test_daemons_mirrors_and_finished_pods_stay() -> None:
    def prepare(cluster: Cluster) -> None:
        cluster.pod("daemon", node="a", owner=("DaemonSet", "d"))
        cluster.pod("mirror", node="a", annotations={"kubernetes.io/config.mirror": "x"})
        cluster.pod("done", node="a", phase="Succeeded", owner=("Job", "j"))

    cluster, report = drained(prepare, interruption())
    assert (report.ending, cluster.evicted) == (Ending.EMPTY, {})


def test_a_budget_is_waited_for_and_never_broken() -> None:
    def prepare(cluster: Cluster) -> None:
        cluster.workload("api", nodes=["a", "a", "a", "b"], grace_s=5)
        cluster.budget("api", app="api", min_available=3)

    cluster, report = drained(prepare, interruption())
    assert report.ending is Ending.EMPTY
    assert cluster.broken == []
    first, second, third = sorted(cluster.evicted.values())
    assert second - first >= cluster.start_s
    assert third - second >= cluster.start_s


def test_long_grace_goes_first_within_a_budget() -> None:
    def prepare(cluster: Cluster) -> None:
        labels = {"app": "api"}
        cluster.add("replicasets", {"metadata": {"namespace": "shop", "name": "api"}, "spec": {"replicas": 3}})
        cluster.pod("short", node="a", labels=labels, grace_s=5)
        cluster.pod("long", node="a", labels=labels, grace_s=80)
        cluster.pod("other", node="b", labels=labels, grace_s=5)
        cluster.budget("api", app="api", min_available=2)

    cluster, report = drained(prepare, interruption())
    assert report.ending is Ending.EMPTY
    assert cluster.evicted["long"] < 2 < 20 < cluster.evicted["short"]


def test_a_pod_with_two_budgets_is_reported_with_their_names_and_not_asked_again() -> None:
    def prepare(cluster: Cluster) -> None:
        cluster.workload("api", nodes=["a", "b"])
        cluster.budget("one", app="api", min_available=1)
        cluster.budget("two", app="api", min_available=1)

    cluster, report = drained(prepare, interruption())
    assert report.ending is Ending.INCOMPLETE
    ((pod, why),) = report.unsaved
    assert pod == "shop/api-0"
    assert "shop/one, shop/two" in why
    assert len([path for path in cluster.paths("POST") if "eviction" in path]) == 1


def test_what_a_budget_never_lets_go_is_reported_by_name_at_the_deadline() -> None:
    def prepare(cluster: Cluster) -> None:
        cluster.workload("api", nodes=["a", "b"])
        cluster.budget("strict", app="api", min_available=2)

    cluster, report = drained(prepare, interruption())
    assert report.ending is Ending.INCOMPLETE
    assert report.unsaved == (("shop/api-0", "The disruption budget strict needs more"),)
    assert cluster.evicted == {}


def test_a_pod_whose_grace_outlasts_the_node_is_asked_at_once_and_reported() -> None:
    cluster, report = drained(lambda c: c.workload("slow", nodes=["a", "b"], grace_s=600), interruption())
    assert cluster.evicted["slow-0"] < 1
    ((pod, why),) = report.unsaved
    assert pod == "shop/slow-0"
    assert "600 s" in why


def test_the_only_replica_is_asked_late_after_the_others_but_in_time() -> None:
    def prepare(cluster: Cluster) -> None:
        cluster.workload("one", nodes=["a"])
        cluster.workload("api", nodes=["a", "b"])

    cluster, report = drained(prepare, interruption())
    assert report.ending is Ending.EMPTY
    assert cluster.evicted["api-0"] < 1
    assert 70 < cluster.evicted["one-0"] <= DEADLINE_S - 30 - 5
    assert cluster.ended["one-0"] <= DEADLINE_S


def test_without_a_deadline_the_only_replica_waits_for_the_others_to_leave() -> None:
    def prepare(cluster: Cluster) -> None:
        cluster.workload("one", nodes=["a"])
        cluster.workload("api", nodes=["a", "b"], grace_s=50)

    cluster, report = drained(prepare, choice())
    assert report.ending is Ending.EMPTY
    assert cluster.evicted["one-0"] > cluster.ended["api-0"]


def test_the_agent_itself_leaves_last() -> None:
    def prepare(cluster: Cluster) -> None:
        cluster.add("replicasets", {"metadata": {"namespace": "agents", "name": "agent"}, "spec": {"replicas": 2}})
        cluster.pod("agent", node="a", namespace="agents", owner=("ReplicaSet", "agent"))
        cluster.workload("api", nodes=["a", "b"])

    cluster, _ = drained(prepare, interruption())
    assert cluster.evicted["agent"] > cluster.ended["api-0"]


def test_a_choice_leaves_what_must_not_be_disrupted_and_lets_the_node_take_pods_again() -> None:
    def prepare(cluster: Cluster) -> None:
        cluster.workload("api", nodes=["a", "b"])
        cluster.pod("batch", node="a", annotations={"karpenter.sh/do-not-disrupt": "true"})

    cluster, report = drained(prepare, choice())
    assert report.ending is Ending.INCOMPLETE
    assert report.unsaved == (("shop/batch", "annotation karpenter.sh/do-not-disrupt=true"),)
    assert not is_cordoned(cluster.read_node("a"))
    assert annotations(cluster) == {}


def test_an_interruption_takes_what_must_not_be_disrupted_and_reports_what_is_alone() -> None:
    def prepare(cluster: Cluster) -> None:
        cluster.pod("batch", node="a", annotations={"karpenter.sh/do-not-disrupt": "true"}, owner=None)

    cluster, report = drained(prepare, interruption())
    assert report.ending is Ending.EMPTY
    assert report.lone == ("shop/batch",)
    assert is_cordoned(cluster.read_node("a"))


def test_a_node_that_somebody_else_cordoned_stays_cordoned() -> None:
    def prepare(cluster: Cluster) -> None:
        cluster.read_node("a")["spec"]["unschedulable"] = True
        cluster.pod("lone", node="a", owner=None)

    cluster, report = drained(prepare, choice())
    assert report.ending is Ending.INCOMPLETE
    assert is_cordoned(cluster.read_node("a"))
    assert CORDONED not in annotations(cluster)


def test_a_node_that_has_gone_is_no_failure() -> None:
    _, report = drained(lambda _: None, interruption("nowhere"))
    assert report.ending is Ending.GONE


def test_a_node_that_goes_while_it_is_drained_ends_the_drain() -> None:
    async def main(cluster: Cluster, drains: Drains) -> None:
        cluster.workload("slow", nodes=["a", "b"], grace_s=100)
        cluster.at(20, cluster.kill_node, "a")
        report = await drains.drain(interruption())
        assert report.ending is Ending.EMPTY
        assert TwinClock().monotonic() < 25

    with_drains(main)


def test_pods_that_come_after_the_cordon_are_seen_too() -> None:
    async def main(cluster: Cluster, drains: Drains) -> None:
        cluster.workload("api", nodes=["a", "b"])
        cluster.at(10, lambda: cluster.pod("stray", node="a"))
        report = await drains.drain(interruption())
        assert "shop/stray" in report.left_node

    with_drains(main)


def test_trouble_of_the_api_server_is_outlasted() -> None:
    down = UnavailableError(503, "ServiceUnavailable", "etcd has no leader")

    def prepare(cluster: Cluster) -> None:
        cluster.workload("api", nodes=["a", "b"])
        cluster.fail("GET /api/v1/nodes", down, times=2)
        cluster.fail("PATCH /api/v1/nodes", down, times=2)
        cluster.fail("GET /api/v1/pods", down, times=3)
        cluster.fail("POST .*eviction", down, times=3)

    _, report = drained(prepare, interruption())
    assert report.ending is Ending.EMPTY


def test_calls_that_hang_are_made_again() -> None:
    class Hanging(Cluster):
        left = 1

        async def _enter(self, method: str, path: str) -> tuple[str, str, str, str]:
            found = await super()._enter(method, path)
            if self.left and "eviction" in path:
                self.left -= 1
                await asyncio.sleep(1e6)
            return found

    async def main() -> None:
        cluster = Hanging()
        cluster.node("a")
        cluster.workload("api", nodes=["a", "elsewhere"])
        drains = Drains(cluster, TwinClock(), telemetry=Telemetry())
        assert (await drains.drain(interruption())).ending is Ending.EMPTY
        assert 10 <= cluster.evicted["api-0"] <= 12
        await drains.close()

    run(main())


def test_a_look_that_hangs_is_taken_again() -> None:
    class Hanging(Cluster):
        left = 1

        async def get(self, path: str, **params: Any) -> Any:
            if self.left and path == "/api/v1/pods":
                self.left -= 1
                await asyncio.sleep(1e6)
            return await super().get(path, **params)

    async def main() -> None:
        cluster = Hanging()
        cluster.node("a")
        cluster.workload("api", nodes=["a", "elsewhere"])
        drains = Drains(cluster, TwinClock(), telemetry=Telemetry())
        assert (await drains.drain(interruption())).ending is Ending.EMPTY
        await drains.close()

    run(main())


def test_a_call_that_rbac_denies_is_told_as_it_is() -> None:
    denied = ForbiddenError(403, "Forbidden", "grant verb 'list' on resource 'pods'")
    with pytest.raises(ForbiddenError, match="grant verb 'list'"):
        drained(lambda c: c.fail("GET /api/v1/pods", denied), interruption())


def test_an_eviction_that_rbac_denies_is_reported_by_pod() -> None:
    denied = ForbiddenError(403, "Forbidden", "grant verb 'create' on resource 'pods/eviction'")

    def prepare(cluster: Cluster) -> None:
        cluster.workload("api", nodes=["a", "b"])
        cluster.fail("POST .*eviction", denied)

    _, report = drained(prepare, interruption())
    ((pod, why),) = report.unsaved
    assert pod == "shop/api-0"
    assert "pods/eviction" in why


def test_a_pod_whose_namespace_is_being_deleted_is_waited_for_and_no_failure() -> None:
    causes = (Cause(reason="NamespaceTerminating", message="namespace shop is being terminated"),)

    async def main(cluster: Cluster, drains: Drains) -> None:
        pod = cluster.pod("web-0", node="a", grace_s=5)
        cluster.fail("POST .*eviction", ForbiddenError(403, "Forbidden", "is being terminated", causes))
        asyncio.get_running_loop().call_later(30, cluster._begin_end, pod)
        report = await drains.drain(interruption())
        assert (report.ending, report.unsaved, report.left_node) == (Ending.EMPTY, (), ("shop/web-0",))
        assert len([call for call in cluster.calls if call[1].endswith("/eviction")]) == 1

    with_drains(main)


def test_a_pod_that_its_dying_namespace_does_not_take_along_is_reported_with_the_reason() -> None:
    causes = (Cause(reason="NamespaceTerminating", message="namespace shop is being terminated"),)

    def prepare(cluster: Cluster) -> None:
        cluster.pod("web-0", node="a", grace_s=5)
        cluster.fail("POST .*eviction", ForbiddenError(403, "Forbidden", "is being terminated", causes))

    _, report = drained(prepare, interruption())
    assert report.unsaved == (("shop/web-0", "its namespace is being deleted, and it with it"),)


def test_drains_and_what_they_leave_are_counted() -> None:
    async def main() -> None:
        cluster, telemetry = Cluster(), Telemetry()
        cluster.node("a")
        cluster.pod("web-0", node="a", grace_s=5)
        cluster.fail("POST .*eviction", ForbiddenError(403, "Forbidden", "no"))
        drains = Drains(cluster, TwinClock(), telemetry=telemetry)
        await drains.drain(interruption())
        cluster.fail("GET /api/v1/pods", ForbiddenError(403, "Forbidden", "no"))
        with pytest.raises(ForbiddenError):
            await drains.drain(choice())
        await drains.close()
        shown = generate_latest(telemetry.registry).decode()
        assert 'spotopt_agent_drains_total{drive="interrupted",ending="incomplete"} 1.0' in shown
        assert 'spotopt_agent_drains_total{drive="voluntary",ending="failed"} 1.0' in shown
        assert 'spotopt_agent_unsaved_pods_total{drive="interrupted"} 1.0' in shown
        assert 'spotopt_agent_unsaved_pods_total{drive="voluntary"} 0.0' in shown

    run(main())


def test_two_who_want_the_same_node_empty_share_one_drain() -> None:
    async def main(cluster: Cluster, drains: Drains) -> None:
        cluster.workload("api", nodes=["a", "a", "b"])
        first, second = await asyncio.gather(drains.drain(interruption()), drains.drain(interruption(within_s=100)))
        assert first == second
        assert len([path for path in cluster.paths("POST") if "eviction" in path]) == 2

    with_drains(main)


def test_a_nearer_deadline_tightens_the_drain_that_runs() -> None:
    async def main(cluster: Cluster, drains: Drains) -> None:
        cluster.workload("one", nodes=["a"])
        task = drains.begin(interruption())
        await asyncio.sleep(5)
        drains.begin(interruption(within_s=60))
        report = await task
        assert cluster.evicted["one-0"] <= 60 - 30 - 5
        assert report.order.deadline == START + timedelta(seconds=60)

    with_drains(main)


def test_an_interruption_takes_over_a_drain_of_our_own_choice() -> None:
    async def main(cluster: Cluster, drains: Drains) -> None:
        cluster.workload("api", nodes=["a", "b"], grace_s=60)
        cluster.pod("batch", node="a", annotations={"karpenter.sh/do-not-disrupt": "true"})
        task = drains.begin(choice())
        await asyncio.sleep(5)
        assert not drains.is_interrupted("a")
        drains.begin(interruption())
        assert drains.is_interrupted("a")
        assert (await task).ending is Ending.EMPTY
        assert "batch" in cluster.evicted

    with_drains(main)


def test_a_drain_that_is_called_off_asks_nobody_further_and_uncordons() -> None:
    async def main(cluster: Cluster, drains: Drains) -> None:
        cluster.workload("api", nodes=["a", "a", "b"])
        cluster.budget("api", app="api", min_available=2)
        task = drains.begin(interruption())
        await asyncio.sleep(5)
        assert drains.call_off("a", "the node is ready again")
        report = await task
        assert (report.ending, report.why) == (Ending.ABORTED, "the node is ready again")
        assert len(cluster.evicted) == 1
        assert not is_cordoned(cluster.read_node("a"))

    with_drains(main)


def test_a_frozen_drain_changes_nothing_more_and_its_mark_stays() -> None:
    async def main(cluster: Cluster, drains: Drains) -> None:
        cluster.workload("api", nodes=["a", "a", "b"])
        cluster.budget("api", app="api", min_available=2)
        task = drains.begin(interruption())
        await asyncio.sleep(5)
        patches = len(cluster.paths("PATCH"))
        drains.freeze("safe mode was switched on")
        assert (await task).ending is Ending.ABORTED
        assert len(cluster.paths("PATCH")) == patches
        assert drain_of(cluster.read_node("a")) == interruption()

    with_drains(main)


def test_a_drain_goes_on_after_the_agent_died() -> None:
    async def main() -> None:
        cluster = Cluster()
        cluster.node("a")
        cluster.node("b")
        cluster.workload("one", nodes=["a"])
        cluster.workload("api", nodes=["a", "b"])
        first = Drains(cluster, TwinClock(), telemetry=Telemetry())
        first.begin(interruption())
        await asyncio.sleep(3)
        await first.close()
        left = drain_of(cluster.read_node("a"))
        assert left == interruption()
        second = Drains(cluster, TwinClock(), telemetry=Telemetry())
        report = await second.drain(left)
        assert report.ending is Ending.EMPTY
        assert cluster.evicted["one-0"] <= DEADLINE_S - 30 - 5
        assert DRAINING not in annotations(cluster)
        assert CORDONED in annotations(cluster)
        await second.close()

    run(main())


def test_a_pod_whose_kubelet_is_dead_is_not_waited_for_without_end() -> None:
    def prepare(cluster: Cluster) -> None:
        cluster.workload("api", nodes=["a", "b"])
        cluster.takes_s["api-0"] = 1e6

    _, report = drained(prepare, interruption(within_s=None))
    assert report.ending is Ending.INCOMPLETE
    assert [pod for pod, _ in report.unsaved] == ["shop/api-0"]


def test_a_report_names_what_went_wrong_and_counts_the_rest() -> None:
    def prepare(cluster: Cluster) -> None:
        cluster.workload("api", nodes=["a", "b"])
        cluster.workload("slow", nodes=["a", "b"], grace_s=600)

    _, report = drained(prepare, interruption())
    told = report.to_json()
    assert (told["evicted"], told["left"], told["ending"], told["cordoned"]) == (1, 1, "incomplete", True)
    assert told["unsaved"][0]["pod"] == "shop/slow-0"
