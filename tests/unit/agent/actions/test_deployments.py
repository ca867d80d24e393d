"""Changing a Deployment's resources."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from agent.actions.resources import MANAGER, amounts_of
from agent.drains.mode import Mode
from agent.kubernetes.errors import InvalidError, UnavailableError
from domain.wire.messages import ResultBody
from tests.unit.agent.actions.desk import Desk, at_desk
from tests.unit.agent.twin import run

JsonObject = dict[str, Any]


def deploy(desk: Desk, **changes: Any) -> JsonObject:
    """A Deployment with two containers, made by kubectl."""
    containers = [
        {"name": "api", "resources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"memory": "2Gi"}}},
        {"name": "proxy", "resources": {"requests": {"cpu": "100m"}}},
    ]
    metadata = {"namespace": "shop", "name": "api", "generation": 3, "managedFields": [{"manager": "kubectl"}]}
    return desk.cluster.add(
        "deployments",
        {
            "metadata": metadata | changes.pop("metadata", {}),
            "spec": {"replicas": 2, "template": {"spec": {"containers": containers}}} | changes.pop("spec", {}),
            "status": {
                "observedGeneration": 3,
                "replicas": 2,
                "updatedReplicas": 2,
                "availableReplicas": 2,
                "conditions": [],
            },
        },
    )


def payload(
    requests: Mapping[str, str] | None = None,
    *,
    container: str = "api",
    generation: int = 0,
    limits: Mapping[str, str] | None = None,
) -> JsonObject:
    one = {"name": container, "requests": dict(requests or {}), "limits": dict(limits or {})}
    return {"namespace": "shop", "name": "api", "containers": [one], "generation": generation}


async def update(desk: Desk, what: JsonObject, *, key: str = "") -> ResultBody:
    return await desk.do("update_deployment", what, key=key)


def amounts(desk: Desk) -> dict[str, str]:
    found = desk.cluster.objects["deployments"]["shop", "api"]
    return {"/".join(key): amount for key, amount in amounts_of(found).items()}


def test_requests_change_and_the_rollout_is_seen_through() -> None:
    async def main(desk: Desk) -> None:
        deploy(desk)
        body = await update(desk, payload({"cpu": "500m"}))
        assert body.status == "completed"
        assert body.result == {"changed": True, "generation": 4, "changes": {"api/requests/cpu": "500m"}}
        assert body.duration_ms >= desk.cluster.start_s * 1000
        assert amounts(desk)["api/requests/cpu"] == "500m"
        assert desk.store.documents["rollouts"] == {}

    at_desk(main)


def test_only_what_changes_is_ours() -> None:
    async def main(desk: Desk) -> None:
        deployment = deploy(desk)
        await update(desk, payload({"cpu": "500m", "memory": "1024Mi"}))
        (mine,) = (one for one in deployment["metadata"]["managedFields"] if one["manager"] == MANAGER)
        (container,) = mine["fieldsV1"]["f:spec"]["f:template"]["f:spec"]["f:containers"].values()
        assert container["f:resources"] == {"f:requests": {"f:cpu": {}}}

    at_desk(main)


def test_a_second_change_keeps_what_the_first_one_set() -> None:
    async def main(desk: Desk) -> None:
        deploy(desk)
        await update(desk, payload({"cpu": "500m"}))
        await update(desk, payload({"cpu": "50m"}, container="proxy"))
        await update(desk, payload(limits={"cpu": "2"}))
        assert amounts(desk) == {
            "api/requests/cpu": "500m",
            "api/requests/memory": "1Gi",
            "api/limits/memory": "2Gi",
            "api/limits/cpu": "2",
            "proxy/requests/cpu": "50m",
        }

    at_desk(main)


def test_what_is_so_already_is_not_written_however_it_is_spelt() -> None:
    async def main(desk: Desk) -> None:
        deploy(desk)
        body = await update(desk, payload({"cpu": "1000m", "memory": "1024Mi"}, generation=99))
        assert (body.status, body.result) == ("completed", {"changed": False})
        assert desk.cluster.paths("PATCH") == []

    at_desk(main)


def test_a_deployment_that_has_changed_meanwhile_is_left_alone() -> None:
    async def main(desk: Desk) -> None:
        deploy(desk)
        body = await update(desk, payload({"cpu": "500m"}, generation=2))
        assert "generation 3, not 2" in (body.error_message or "")
        assert amounts(desk)["api/requests/cpu"] == "1"

    at_desk(main)


def test_a_container_that_is_not_there_is_named() -> None:
    async def main(desk: Desk) -> None:
        deploy(desk)
        body = await update(desk, payload({"cpu": "500m"}, container="cache"))
        assert "has no container cache" in (body.error_message or "")

    at_desk(main)


def test_a_deployment_that_is_not_there_is_a_failure() -> None:
    async def main(desk: Desk) -> None:
        assert (await update(desk, payload({"cpu": "500m"}))).status == "failed"

    at_desk(main)


def test_a_paused_deployment_is_left_alone() -> None:
    async def main(desk: Desk) -> None:
        deploy(desk)["spec"]["paused"] = True
        assert "paused" in ((await update(desk, payload({"cpu": "500m"}))).error_message or "")

    at_desk(main)


def hpa(desk: Desk, metric: JsonObject | None, *, target: str = "api") -> None:
    desk.cluster.add(
        "horizontalpodautoscalers",
        {
            "metadata": {"namespace": "shop", "name": "scaler"},
            "spec": {"scaleTargetRef": {"kind": "Deployment", "name": target}, "metrics": [metric] if metric else []},
        },
    )


def vpa(desk: Desk, **spec: Any) -> None:
    desk.cluster.add(
        "verticalpodautoscalers",
        {
            "metadata": {"namespace": "shop", "name": "sizer"},
            "spec": {"targetRef": {"kind": "Deployment", "name": "api"}} | spec,
        },
    )


CPU = {"type": "Resource", "resource": {"name": "cpu"}}
OFF_FOR_API = {"containerPolicies": [{"containerName": "api", "mode": "Off"}]}


def of_container(name: str) -> JsonObject:
    return {"type": "ContainerResource", "containerResource": {"name": "cpu", "container": name}}


@pytest.mark.parametrize(
    ("prepare", "why"),
    [
        pytest.param(lambda desk: hpa(desk, CPU), "HorizontalPodAutoscaler scaler scales it on cpu", id="hpa"),
        pytest.param(lambda desk: hpa(desk, None), "HorizontalPodAutoscaler scaler scales it on cpu", id="hpa default"),
        pytest.param(lambda desk: hpa(desk, of_container("api")), "HorizontalPodAutoscaler scaler", id="hpa container"),
        pytest.param(lambda desk: vpa(desk), "VerticalPodAutoscaler sizer", id="vpa default"),
        pytest.param(
            lambda desk: vpa(desk, updatePolicy={"updateMode": "Recreate"}), "mode Recreate", id="vpa recreate"
        ),
    ],
)
def test_who_scales_by_the_same_resource_is_not_disturbed(prepare: Callable[[Desk], None], why: str) -> None:
    async def main(desk: Desk) -> None:
        deploy(desk)
        prepare(desk)
        body = await update(desk, payload({"cpu": "500m"}))
        assert why in (body.error_message or "")
        assert desk.cluster.paths("PATCH") == []

    at_desk(main)


@pytest.mark.parametrize(
    "prepare",
    [
        pytest.param(lambda desk: hpa(desk, {"type": "Resource", "resource": {"name": "memory"}}), id="hpa memory"),
        pytest.param(lambda desk: hpa(desk, {"type": "External", "external": {}}), id="hpa external"),
        pytest.param(lambda desk: hpa(desk, CPU, target="other"), id="hpa of another"),
        pytest.param(lambda desk: hpa(desk, of_container("proxy")), id="hpa of another container"),
        pytest.param(lambda desk: vpa(desk, updatePolicy={"updateMode": "Off"}), id="vpa off"),
        pytest.param(lambda desk: vpa(desk, resourcePolicy=OFF_FOR_API), id="vpa off for the container"),
    ],
)
def test_who_scales_by_something_else_is_no_obstacle(prepare: Callable[[Desk], None]) -> None:
    async def main(desk: Desk) -> None:
        deploy(desk)
        prepare(desk)
        assert (await update(desk, payload({"cpu": "500m"}))).status == "completed"

    at_desk(main)


@pytest.mark.parametrize(
    ("metadata", "who"),
    [
        ({"labels": {"argocd.argoproj.io/instance": "shop"}}, "Argo CD"),
        ({"annotations": {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment"}}, "Argo CD"),
        ({"labels": {"kustomize.toolkit.fluxcd.io/name": "shop"}}, "Flux"),
        ({"labels": {"helm.toolkit.fluxcd.io/name": "shop"}}, "Flux"),
        ({"managedFields": [{"manager": "argocd-controller"}]}, "Argo CD"),
        ({"managedFields": [{"manager": "kustomize-controller"}]}, "Flux"),
        ({"ownerReferences": [{"kind": "Prometheus", "name": "main", "controller": True}]}, "Prometheus/main"),
    ],
)
def test_who_would_put_it_back_is_named(metadata: JsonObject, who: str) -> None:
    async def main(desk: Desk) -> None:
        deploy(desk, metadata=metadata)
        body = await update(desk, payload({"cpu": "500m"}))
        assert who in (body.error_message or "")
        assert desk.cluster.paths("PATCH") == []

    at_desk(main)


def test_a_rollout_that_fails_is_undone() -> None:
    async def main(desk: Desk) -> None:
        deploy(desk)
        before = amounts(desk)
        desk.cluster.rollout = "fails"
        body = await update(desk, payload({"memory": "1Mi"}, limits={"cpu": "1m"}))
        assert body.status == "failed"
        assert "ProgressDeadlineExceeded" in (body.error_message or "")
        assert body.result["rolled_back"] is True
        assert amounts(desk) == before
        assert desk.store.documents["rollouts"] == {}

    at_desk(main)


def test_what_an_earlier_change_of_ours_had_set_is_put_back() -> None:
    async def main(desk: Desk) -> None:
        deploy(desk)
        await update(desk, payload({"cpu": "500m"}, limits={"cpu": "2"}))
        before = amounts(desk)
        desk.cluster.rollout = "fails"
        await update(desk, payload({"cpu": "1m"}))
        assert amounts(desk) == before

    at_desk(main)


def test_a_rollout_that_is_slow_but_comes_on_is_not_given_up() -> None:
    async def main(desk: Desk) -> None:
        deployment = deploy(desk)
        desk.cluster.rollout = "hangs"
        task = asyncio.create_task(update(desk, payload({"cpu": "500m"})))
        for updated in range(1, 4):
            await asyncio.sleep(800)
            deployment["status"] |= {"updatedReplicas": updated, "replicas": 3, "availableReplicas": 3}
        deployment["spec"]["replicas"] = 3
        assert (await task).status == "completed"

    at_desk(main)


def test_a_rollout_without_an_end_is_given_up_and_undone() -> None:
    async def main(desk: Desk) -> None:
        deploy(desk)
        desk.cluster.rollout = "hangs"
        body = await update(desk, payload({"cpu": "500m"}))
        assert "no progress for 900 s" in (body.error_message or "")
        assert amounts(desk)["api/requests/cpu"] == "1"

    at_desk(main)


def test_trouble_while_watching_is_outlasted() -> None:
    async def main(desk: Desk) -> None:
        deploy(desk)
        task = asyncio.create_task(update(desk, payload({"cpu": "500m"})))
        await asyncio.sleep(4)
        desk.cluster.fail("GET .*deployments", UnavailableError(503, "ServiceUnavailable", "down"), times=3)
        assert (await task).status == "completed"

    at_desk(main)


def test_a_change_that_is_not_answered_is_sent_again() -> None:
    async def main(desk: Desk) -> None:
        deploy(desk)
        desk.cluster.fail("PATCH .*deployments", UnavailableError(504, "Timeout", "no answer"), times=3)
        assert (await update(desk, payload({"cpu": "500m"}))).status == "completed"

    at_desk(main)


def test_a_change_that_is_never_answered_is_seen_to_when_the_next_one_comes() -> None:
    async def main(desk: Desk) -> None:
        deploy(desk)
        desk.cluster.fail("PATCH .*deployments", UnavailableError(504, "Timeout", "no answer"), times=5)
        assert "no answer" in ((await update(desk, payload({"cpu": "500m"}))).error_message or "")
        assert list(desk.store.documents["rollouts"]) == ["shop/api"]
        assert (await update(desk, payload({"cpu": "250m"}))).status == "completed"
        assert desk.store.documents["rollouts"] == {}

    at_desk(main)


def test_nothing_that_was_left_is_undone_in_a_dry_run() -> None:
    async def main(desk: Desk) -> None:
        deployment = deploy(desk)
        stuck = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
        deployment["status"]["conditions"] = [stuck]
        desk.store.documents["rollouts"] = {"shop/api": {"api/requests/cpu": "2"}}
        assert (await update(desk, payload({"cpu": "1"}))).status == "completed"
        assert amounts(desk)["api/requests/cpu"] == "1"
        assert "shop/api" in desk.store.documents["rollouts"]

    at_desk(main, mode=Mode.REHEARSE)


def test_a_change_that_validation_refuses_is_told_and_nothing_is_left_behind() -> None:
    async def main(desk: Desk) -> None:
        deploy(desk)
        desk.cluster.fail("PATCH .*deployments", InvalidError(422, "Invalid", "requests exceed limits"))
        body = await update(desk, payload({"memory": "3Gi"}))
        assert "requests exceed limits" in (body.error_message or "")
        assert desk.store.documents["rollouts"] == {}

    at_desk(main)


def test_a_rollout_that_an_agent_left_in_the_middle_is_undone_by_the_next_one() -> None:
    async def main() -> None:
        desk = Desk()
        deploy(desk)
        desk.cluster.rollout = "fails"
        task = asyncio.create_task(update(desk, payload({"cpu": "500m"})))
        await asyncio.sleep(10)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        next_one = Desk(store=desk.store, cluster=desk.cluster)
        await next_one.actions.resume()
        assert amounts(desk)["api/requests/cpu"] == "1"
        assert desk.store.documents["rollouts"] == {}

    run(main())


def test_a_rollout_that_was_left_and_went_well_is_forgotten_and_one_whose_deployment_is_gone_too() -> None:
    async def main(desk: Desk) -> None:
        deploy(desk)
        left = {"shop/api": {"api/requests/cpu": "2"}, "shop/gone": {"api/requests/cpu": "2"}}
        desk.store.documents["rollouts"] = left
        await desk.actions.resume()
        assert desk.store.documents["rollouts"] == {}
        assert amounts(desk)["api/requests/cpu"] == "1"

    at_desk(main)


def test_an_action_handed_out_again_after_a_crash_sees_its_rollout_through() -> None:
    async def main() -> None:
        desk = Desk()
        deploy(desk)
        desk.cluster.rollout = "fails"
        task = asyncio.create_task(update(desk, payload({"cpu": "500m"}, generation=3)))
        await asyncio.sleep(10)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        next_one = Desk(store=desk.store, cluster=desk.cluster)
        body = await update(next_one, payload({"cpu": "500m"}, generation=3), key="again")
        assert body.result["rolled_back"] is True
        assert amounts(desk)["api/requests/cpu"] == "1"

    run(main())


def test_a_dry_run_asks_the_api_server_and_changes_nothing() -> None:
    async def main(desk: Desk) -> None:
        deploy(desk)
        body = await update(desk, payload({"cpu": "500m"}))
        assert (body.status, body.dry_run) == ("completed", True)
        assert body.result["changes"] == {"api/requests/cpu": "500m"}
        assert amounts(desk)["api/requests/cpu"] == "1"
        assert desk.store.documents.get("rollouts", {}) == {}

    at_desk(main, mode=Mode.REHEARSE)


def test_two_changes_of_one_deployment_come_one_after_the_other() -> None:
    async def main(desk: Desk) -> None:
        deploy(desk)
        first, second = await asyncio.gather(
            update(desk, payload({"cpu": "500m"}), key="one"), update(desk, payload({"cpu": "250m"}), key="two")
        )
        assert {first.status, second.status} == {"completed"}
        assert amounts(desk)["api/requests/cpu"] == "250m"

    at_desk(main)


def test_an_order_that_expires_while_it_waits_for_another_rollout_is_not_carried_out() -> None:
    async def main(desk: Desk) -> None:
        deploy(desk)
        desk.cluster.start_s = 400
        late = desk.action("update_deployment", payload({"cpu": "250m"}), key="two", lifetime_s=300)
        first, second = await asyncio.gather(update(desk, payload({"cpu": "500m"}), key="one"), desk.send(late))
        assert (first.status, second.status) == ("completed", "failed")
        assert "expired" in str(second.error_message)
        assert amounts(desk)["api/requests/cpu"] == "500m"

    at_desk(main)
