"""Evicting one pod."""

import asyncio

import pytest

from agent.kubernetes.errors import UnavailableError
from tests.unit.agent.actions.desk import Desk, at_desk

API_0 = {"namespace": "shop", "pod": "api-0", "node": "a"}


def test_an_eviction_is_done_when_the_pod_has_ended() -> None:
    async def main(desk: Desk) -> None:
        desk.cluster.workload("api", nodes=["a", "b"])
        body = await desk.do("evict_pod", API_0)
        assert (body.status, body.result["evicted"]) == ("completed", 1)
        assert "api-0" in desk.cluster.ended

    at_desk(main)


def test_a_pod_that_has_gone_is_done() -> None:
    async def main(desk: Desk) -> None:
        body = await desk.do("evict_pod", API_0)
        assert (body.status, body.result["gone"]) == ("completed", True)

    at_desk(main)


def test_a_pod_that_runs_elsewhere_by_now_is_left_alone() -> None:
    async def main(desk: Desk) -> None:
        desk.cluster.workload("api", nodes=["b", "b"])
        body = await desk.do("evict_pod", API_0)
        assert "runs on node b, not on a" in (body.error_message or "")
        assert desk.cluster.evicted == {}

    at_desk(main)


def test_a_pod_that_leaves_already_is_waited_for_and_not_asked_again() -> None:
    async def main(desk: Desk) -> None:
        desk.cluster.workload("api", nodes=["a", "b"])
        await asyncio.gather(desk.do("evict_pod", API_0), desk.do("evict_pod", API_0))
        assert "api-0" in desk.cluster.ended

    at_desk(main)


def test_a_pod_that_has_finished_needs_nothing() -> None:
    async def main(desk: Desk) -> None:
        desk.cluster.pod("api-0", node="a", phase="Succeeded")
        assert (await desk.do("evict_pod", API_0)).result["changed"] is False

    at_desk(main)


@pytest.mark.parametrize(
    ("pod", "why"),
    [
        ({"owner": ("DaemonSet", "d")}, "DaemonSet"),
        ({"annotations": {"kubernetes.io/config.mirror": "x"}}, "kubelet"),
        ({"annotations": {"karpenter.sh/do-not-disrupt": "true"}}, "do-not-disrupt"),
        ({"owner": None}, "no controller"),
    ],
)
def test_what_must_stay_is_not_evicted(pod: dict[str, object], why: str) -> None:
    async def main(desk: Desk) -> None:
        desk.cluster.pod("api-0", node="a", **pod)  # type: ignore[arg-type]
        body = await desk.do("evict_pod", API_0)
        assert why in (body.error_message or "")
        assert desk.cluster.evicted == {}

    at_desk(main)


def test_a_budget_is_waited_for_until_the_action_expires() -> None:
    async def main(desk: Desk) -> None:
        desk.cluster.workload("api", nodes=["a", "b"])
        desk.cluster.budget("strict", app="api", min_available=2)
        body = await desk.do("evict_pod", API_0)
        assert body.status == "failed"
        assert "strict" in (body.error_message or "")
        assert 299_000 <= body.duration_ms <= 302_000
        evictions = [path for path in desk.cluster.paths("POST") if "eviction" in path]
        assert 25 <= len(evictions) <= 45

    at_desk(main)


def test_budgets_that_contradict_each_other_are_named_at_once() -> None:
    async def main(desk: Desk) -> None:
        desk.cluster.workload("api", nodes=["a", "b"])
        desk.cluster.budget("one", app="api", min_available=1)
        desk.cluster.budget("two", app="api", min_available=1)
        body = await desk.do("evict_pod", API_0)
        assert "shop/one, shop/two" in (body.error_message or "")
        assert body.duration_ms < 1_000

    at_desk(main)


def test_the_end_of_the_very_pod_is_waited_for_whoever_takes_its_name() -> None:
    async def main(desk: Desk) -> None:
        desk.cluster.pod("db-0", node="a", owner=("StatefulSet", "db"), grace_s=5)
        desk.cluster.at(5.5, lambda: desk.cluster.pod("db-0", node="b", owner=("StatefulSet", "db")))
        body = await desk.do("evict_pod", {"namespace": "shop", "pod": "db-0", "node": "a"})
        assert body.status == "completed"
        assert body.duration_ms < 10_000

    at_desk(main)


def test_a_pod_that_does_not_end_is_a_failure() -> None:
    async def main(desk: Desk) -> None:
        desk.cluster.workload("api", nodes=["a", "b"])
        desk.cluster.takes_s["api-0"] = 1e6
        body = await desk.do("evict_pod", API_0)
        assert "has not ended" in (body.error_message or "")

    at_desk(main)


def test_trouble_while_waiting_for_the_end_is_outlasted() -> None:
    async def main(desk: Desk) -> None:
        desk.cluster.workload("api", nodes=["a", "b"])
        task = asyncio.create_task(desk.do("evict_pod", API_0))
        await asyncio.sleep(2)
        desk.cluster.fail("GET .*pods", UnavailableError(503, "ServiceUnavailable", "down"), times=5)
        assert (await task).status == "completed"

    at_desk(main)
