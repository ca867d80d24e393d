"""One eviction call, and what its answer means."""

from typing import Any

import pytest
from prometheus_client import generate_latest

from agent.drains.evictions import Answer, Evictions, Verdict, evict
from agent.drains.facts import read_pod
from agent.drains.lanes import Stand
from agent.drains.order import Ask
from agent.drains.owners import Owners
from agent.kubernetes.errors import (
    Cause,
    ConflictError,
    ForbiddenError,
    InvalidError,
    KubernetesError,
    UnavailableError,
)
from agent.telemetry import Telemetry
from tests.unit.agent.twin import Cluster, TwinClock, run


def answer_to(error: KubernetesError | None, *, budgets: tuple[str, ...] = ("shop/api",)) -> Answer:
    async def main() -> Answer:
        cluster = Cluster()
        pod = cluster.pod("api-0", node="a")
        if error is not None:
            cluster.fail("POST", error)
        return await evict(cluster, read_pod(pod), budgets=budgets)

    return run(main())


def test_an_eviction_that_is_granted_has_been_asked() -> None:
    assert answer_to(None).verdict is Verdict.ASKED


def test_a_budget_that_forbids_it_says_why_and_how_long() -> None:
    causes = (Cause(reason="DisruptionBudget", message="The disruption budget api needs 2 healthy pods and has 2"),)
    answer = answer_to(UnavailableError(429, "TooManyRequests", "Cannot evict pod", causes, 10.0))
    assert answer == Answer(verdict=Verdict.REFUSED, problem=causes[0].message, retry_after_s=10.0)


def test_a_refusal_without_a_cause_names_the_budget() -> None:
    answer = answer_to(UnavailableError(429, "TooManyRequests", "Cannot evict pod"))
    assert "shop/api" in answer.problem


@pytest.mark.parametrize(
    ("error", "budgets"),
    [
        (UnavailableError(500, "InternalError", "This pod has more than one PodDisruptionBudget, which"), ()),
        (UnavailableError(500, "InternalError", "whatever"), ("shop/a", "shop/b")),
        (ForbiddenError(403, "Forbidden", "grant verb 'create'"), ()),
        (ForbiddenError(403, "Forbidden", "no", (Cause(reason="FieldValueForbidden", message="by a policy"),)), ()),
        (InvalidError(422, "Invalid", "denied by a webhook"), ()),
    ],
)
def test_what_will_not_heal_is_not_tried_again(error: KubernetesError, budgets: tuple[str, ...]) -> None:
    assert answer_to(error, budgets=budgets).verdict is Verdict.IMPOSSIBLE


@pytest.mark.parametrize(
    "error",
    [
        UnavailableError(500, "InternalError", "etcd has no leader"),
        UnavailableError(0, "Unreachable", "no answer"),
        UnavailableError(503, "ServiceUnavailable", "down"),
        ConflictError(409, "Conflict", "the UID in the precondition differs"),
    ],
)
def test_what_may_pass_is_tried_again(error: KubernetesError) -> None:
    assert answer_to(error).verdict is Verdict.STUMBLED


def test_a_pod_that_has_gone_is_what_was_wanted() -> None:
    async def main() -> None:
        cluster = Cluster()
        pod = read_pod(cluster.pod("api-0", node="a"))
        del cluster.objects["pods"]["shop", "api-0"]
        assert (await evict(cluster, pod, budgets=())).verdict is Verdict.GONE

    run(main())


def test_a_pod_whose_namespace_is_being_deleted_leaves_anyway() -> None:
    causes = (Cause(reason="NamespaceTerminating", message="namespace shop is being terminated"),)
    answer = answer_to(ForbiddenError(403, "Forbidden", "because it is being terminated", causes))
    assert answer.verdict is Verdict.LEAVING
    assert "namespace" in answer.problem


def test_answers_are_counted_by_what_they_mean() -> None:
    async def main() -> None:
        cluster, telemetry = Cluster(), Telemetry()
        pods = [read_pod(cluster.pod(f"api-{n}", node="a")) for n in range(3)]
        cluster.fail("api-2/eviction", ForbiddenError(403, "Forbidden", "no"))
        evictions = Evictions(cluster, TwinClock(), telemetry=telemetry)
        for pod in pods:
            evictions.submit(Ask(pod=pod, slack=1_000))
        await TwinClock().sleep(1)
        await evictions.close()
        shown = generate_latest(telemetry.registry).decode()
        assert 'spotopt_agent_evictions_total{outcome="asked"} 2.0' in shown
        assert 'spotopt_agent_evictions_total{outcome="impossible"} 1.0' in shown
        assert 'spotopt_agent_evictions_total{outcome="refused"} 0.0' in shown

    run(main())


def test_another_pod_of_the_same_name_is_left_alone() -> None:
    async def main() -> None:
        cluster = Cluster()
        old = read_pod(cluster.pod("db-0", node="a"))
        cluster.pod("db-0", node="b")
        assert (await evict(cluster, old, budgets=())).verdict is Verdict.STUMBLED
        assert cluster.evicted == {}

    run(main())


def test_no_more_calls_are_in_flight_than_allowed() -> None:
    class Counting(Cluster):
        flying = most = 0

        async def post(self, path: str, body: Any, **params: Any) -> Any:
            self.flying += 1
            self.most = max(self.most, self.flying)
            try:
                return await super().post(path, body, **params)
            finally:
                self.flying -= 1

    async def main() -> None:
        cluster = Counting()
        evictions = Evictions(cluster, TwinClock(), telemetry=Telemetry(), parallel=4)
        pods = [read_pod(cluster.pod(f"api-{n}", node="a")) for n in range(20)]
        tickets = [evictions.submit(Ask(pod=pod, slack=1_000)) for pod in pods]
        await TwinClock().sleep(1)
        assert {ticket.stand for ticket in tickets} == {Stand.ASKED}
        assert cluster.most == 4
        await evictions.close()

    run(main())


def test_a_controller_is_asked_once_for_all_its_pods() -> None:
    async def main() -> None:
        cluster = Cluster()
        owners = Owners(cluster, TwinClock())
        pods = [read_pod(pod) for pod in cluster.workload("api", nodes=["a", "a"])]
        (one,) = [read_pod(pod) for pod in cluster.workload("one", nodes=["a"])]
        assert await owners.singles([*pods, one]) == {one.uid}
        assert await owners.singles([*pods, one]) == {one.uid}
        assert len(cluster.paths("GET")) == 2
        await TwinClock().sleep(61)
        cluster.objects["replicasets"]["shop", "one"]["spec"]["replicas"] = 2
        assert await owners.singles([one]) == frozenset()

    run(main())


def test_a_controller_that_cannot_be_asked_counts_as_having_replicas() -> None:
    async def main() -> None:
        cluster = Cluster()
        cluster.fail("GET", ForbiddenError(403, "Forbidden", "no"), times=2)
        (one,) = [read_pod(pod) for pod in cluster.workload("one", nodes=["a"])]
        strange = read_pod(cluster.pod("strange", node="a", owner=("CloneSet", "c")))
        assert await Owners(cluster, TwinClock()).singles([one, strange]) == frozenset()

    run(main())
