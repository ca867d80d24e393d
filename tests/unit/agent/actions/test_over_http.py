"""Actions through the real client: what is asked and answered survives being HTTP."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx

from agent.kubernetes.api import PatchKind
from agent.kubernetes.client import HttpKubernetes
from agent.kubernetes.errors import KubernetesError
from agent.settings import KubernetesAccess
from domain.signing import wire_time
from tests.unit.agent.actions.desk import Desk
from tests.unit.agent.actions.test_deployments import amounts, deploy, payload
from tests.unit.agent.twin import START, Cluster, TwinClock, run

DEADLINE = wire_time(START + timedelta(seconds=120))


class Front:
    """Serves a cluster in memory as the Kubernetes API does: paths, patch types, and errors as Status objects."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        params, path = dict(request.url.params), request.url.path
        try:
            match request.method:
                case "GET":
                    found = await self.cluster.get(path, params=params)
                case "POST":
                    found = await self.cluster.post(path, json.loads(request.content), params=params)
                case _:
                    kind = PatchKind(request.headers["Content-Type"])
                    found = await self.cluster.patch(path, json.loads(request.content), kind=kind, params=params)
        except KubernetesError as err:
            return httpx.Response(err.status, json=status_of(err))
        return httpx.Response(200, json=found)


def status_of(err: KubernetesError) -> Mapping[str, Any]:
    causes = [{"reason": cause.reason, "message": cause.message} for cause in err.causes]
    return {
        "kind": "Status",
        "status": "Failure",
        "code": err.status,
        "reason": err.reason,
        "message": err.message,
        "details": {"causes": causes, "retryAfterSeconds": err.retry_after_s or 0},
    }


@asynccontextmanager
async def desk_over_http() -> AsyncIterator[Desk]:
    cluster = Cluster()
    cluster.node("a")
    cluster.node("b")
    transport = httpx.MockTransport(Front(cluster))
    async with HttpKubernetes(KubernetesAccess(url="http://kubernetes"), TwinClock(), transport=transport) as api:
        desk = Desk(cluster=cluster, api=api)
        yield desk
        await desk.drains.close()


def test_a_drain_under_budgets_ends_as_it_does_without_http() -> None:
    async def main() -> None:
        async with desk_over_http() as desk:
            desk.cluster.workload("api", nodes=["a", "a", "b"])
            desk.cluster.budget("api", app="api", min_available=2)
            desk.cluster.workload("two", nodes=["a", "b"])
            for name in ("one", "other"):
                desk.cluster.budget(name, app="two", min_available=1)
            body = await desk.do("drain_node", {"node": "a", "instance_id": "i-a", "deadline_at": DEADLINE})
            assert (body.status, body.result["evicted"], body.result["left"]) == ("failed", 2, 1)
            assert "shop/one, shop/other" in body.result["unsaved"][0]["why"]
            assert desk.cluster.broken == []

    run(main())


def test_a_refusal_carries_the_budget_and_its_wait() -> None:
    async def main() -> None:
        async with desk_over_http() as desk:
            desk.cluster.workload("api", nodes=["a", "b"])
            desk.cluster.budget("strict", app="api", min_available=2)
            body = await desk.do("evict_pod", {"namespace": "shop", "pod": "api-0", "node": "a"})
            assert "The disruption budget strict needs more" in (body.error_message or "")

    run(main())


def test_what_has_gone_is_done() -> None:
    async def main() -> None:
        async with desk_over_http() as desk:
            assert (await desk.do("cordon_node", {"node": "nowhere"})).status == "completed"

    run(main())


def test_resources_are_applied_and_undone() -> None:
    async def main() -> None:
        async with desk_over_http() as desk:
            deploy(desk)
            assert (await desk.do("update_deployment", payload({"cpu": "500m"}))).status == "completed"
            desk.cluster.rollout = "fails"
            body = await desk.do("update_deployment", payload({"cpu": "1m"}))
            assert body.result["rolled_back"] is True
            assert amounts(desk)["api/requests/cpu"] == "500m"

    run(main())
