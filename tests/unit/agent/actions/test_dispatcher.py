"""Only what is signed, whole, in time, for this cluster and new is carried out, and everything is answered."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from agent.drains.marks import is_cordoned
from agent.drains.mode import Mode
from agent.kubernetes.errors import ConflictError, ForbiddenError, UnavailableError
from domain.signing import Refusal, SignedAction, derive_signing_key, sign
from domain.wire.messages import AgentConfig
from tests.unit.agent.actions.desk import CLUSTER, Desk, at_desk
from tests.unit.agent.twin import Cluster, TwinStore, run

CORDON_A = {"node": "a", "instance_id": "i-a"}


def unsigned(action: SignedAction) -> SignedAction:
    return replace(action, signature="")


def altered(action: SignedAction) -> SignedAction:
    return replace(action, payload={"node": "b"})


def prolonged(action: SignedAction) -> SignedAction:
    return replace(action, expires_at=action.expires_at + timedelta(minutes=1))


def retyped(action: SignedAction) -> SignedAction:
    return replace(action, type="uncordon_node")


def of_another_cluster(action: SignedAction) -> SignedAction:
    key = derive_signing_key("spotopt_example_token", "c-2")
    return sign(replace(action, cluster="c-2"), key, now=action.expires_at - timedelta(minutes=1))


def by_another_key(action: SignedAction) -> SignedAction:
    key = derive_signing_key("another token", CLUSTER)
    return sign(action, key, now=action.expires_at - timedelta(minutes=1))


@pytest.mark.parametrize(
    ("forge", "refusal"),
    [
        (unsigned, Refusal.UNSIGNED),
        (altered, Refusal.ALTERED),
        (prolonged, Refusal.ALTERED),
        (retyped, Refusal.ALTERED),
        (of_another_cluster, Refusal.FOREIGN),
        (by_another_key, Refusal.FOREIGN),
    ],
)
def test_a_forged_action_changes_nothing_and_its_refusal_is_reported(forge: object, refusal: Refusal) -> None:
    async def main(desk: Desk) -> None:
        assert callable(forge)
        body = await desk.send(forge(desk.action("cordon_node", CORDON_A)))
        assert (body.status, body.refusal) == ("failed", refusal)
        assert body.error_message
        assert not is_cordoned(desk.cluster.read_node("a"))
        assert desk.cluster.calls == []

    at_desk(main)


def test_an_action_whose_time_is_over_is_refused() -> None:
    async def main(desk: Desk) -> None:
        action = desk.action("cordon_node", CORDON_A, lifetime_s=10)
        await asyncio.sleep(10)
        body = await desk.send(action)
        assert body.refusal is Refusal.EXPIRED
        assert not is_cordoned(desk.cluster.read_node("a"))

    at_desk(main)


def test_the_same_action_is_accepted_once() -> None:
    async def main(desk: Desk) -> None:
        action = desk.action("cordon_node", CORDON_A)
        assert (await desk.send(action)).status == "completed"
        assert (await desk.send(action)).refusal is Refusal.REPEATED

    at_desk(main)


def test_the_same_action_is_refused_also_after_a_restart() -> None:
    async def main(desk: Desk) -> None:
        action = desk.action("cordon_node", CORDON_A)
        await desk.send(action)
        restarted = Desk(store=desk.store, cluster=desk.cluster)
        assert (await restarted.send(action)).refusal is Refusal.REPEATED

    at_desk(main)


def test_a_nonce_is_stored_before_its_action_begins() -> None:
    async def main(desk: Desk) -> None:
        action = desk.action("cordon_node", CORDON_A)
        task = asyncio.create_task(desk.send(action))
        while not desk.cluster.calls:
            await asyncio.sleep(0.001)
        assert action.nonce in desk.store.documents["actions"]["nonces"]
        await task

    at_desk(main)


def test_an_action_whose_nonce_cannot_be_stored_is_not_begun() -> None:
    async def main(desk: Desk) -> None:
        desk.store.fails_with = ForbiddenError(403, "Forbidden", "grant verb 'patch' on resource 'configmaps'")
        body = await desk.do("cordon_node", CORDON_A)
        assert (body.status, body.refusal) == ("failed", None)
        assert "configmaps" in (body.error_message or "")
        assert desk.cluster.calls == []

    at_desk(main)


def test_what_another_leader_has_accepted_meanwhile_is_refused() -> None:
    class SharedStore(TwinStore):
        async def save(self, name: str, value: dict) -> None:
            if name == "actions" and self.saves == 0:
                self.saves = 1
                self.documents[name] = {"nonces": value["nonces"], "results": {}}
                raise ConflictError(409, "Conflict", "somebody else has written")
            await super().save(name, value)

    async def main() -> None:
        desk = Desk(store=SharedStore())
        assert (await desk.do("cordon_node", CORDON_A)).refusal is Refusal.REPEATED
        assert not is_cordoned(desk.cluster.read_node("a"))

    run(main())


def test_actions_that_come_together_are_stored_together() -> None:
    async def main(desk: Desk) -> None:
        bodies = await asyncio.gather(
            *(desk.do("label_node", {"node": "a", "labels": {f"l{n}": "x"}}) for n in range(10))
        )
        assert {body.status for body in bodies} == {"completed"}
        assert desk.store.saves <= 2

    at_desk(main)


def test_an_action_that_is_handed_out_again_has_the_result_it_had() -> None:
    async def main(desk: Desk) -> None:
        first = await desk.do("cordon_node", CORDON_A, key="same")
        calls = len(desk.cluster.calls)
        again = await desk.do("cordon_node", CORDON_A, key="same")
        assert again.result == first.result
        assert len(desk.cluster.calls) == calls

    at_desk(main)


def test_an_action_that_is_handed_out_again_joins_the_one_under_way() -> None:
    async def main(desk: Desk) -> None:
        desk.cluster.workload("api", nodes=["a", "b"])
        payload = {"namespace": "shop", "pod": "api-0", "node": "a"}
        first, again = await asyncio.gather(
            desk.do("evict_pod", payload, key="same"), desk.do("evict_pod", payload, key="same")
        )
        assert first.result == again.result
        assert len([path for path in desk.cluster.paths("POST") if "eviction" in path]) == 1

    at_desk(main)


def test_an_unknown_type_and_a_payload_that_does_not_fit_are_failures_that_name_the_field() -> None:
    async def main(desk: Desk) -> None:
        unknown = await desk.do("reboot_node", {"node": "a"})
        assert "must be one of" in (unknown.error_message or "")
        wrong = await desk.do("cordon_node", {"node": "a", "force": True})
        assert "force" in (wrong.error_message or "")

    at_desk(main)


def test_trouble_of_the_cluster_is_a_failure_that_says_what_to_grant() -> None:
    async def main(desk: Desk) -> None:
        desk.cluster.fail("PATCH .*nodes", ForbiddenError(403, "Forbidden", "grant verb 'patch' on resource 'nodes'"))
        body = await desk.do("cordon_node", CORDON_A)
        assert body.status == "failed"
        assert "grant verb 'patch'" in (body.error_message or "")

    at_desk(main)


def test_a_bug_is_a_failed_result_and_not_the_end() -> None:
    class Broken(Cluster):
        async def get(self, path: str, **_: object) -> dict:
            raise RuntimeError(path)

    async def main() -> None:
        desk = Desk(cluster=Broken())
        body = await desk.do("cordon_node", CORDON_A)
        assert (body.status, body.error_message) == ("failed", "a bug of the agent: RuntimeError")

    run(main())


def test_results_carry_how_long_it_took() -> None:
    async def main(desk: Desk) -> None:
        desk.cluster.workload("api", nodes=["a", "b"])
        body = await desk.do("evict_pod", {"namespace": "shop", "pod": "api-0", "node": "a"})
        assert 30_000 <= body.duration_ms <= 35_000

    at_desk(main)


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("cordon_node", CORDON_A),
        ("uncordon_node", CORDON_A),
        ("drain_node", CORDON_A),
        ("label_node", {"node": "a", "labels": {"x": "y"}}),
        ("evict_pod", {"namespace": "shop", "pod": "api-0", "node": "a"}),
    ],
)
@pytest.mark.parametrize("by", ["settings", "customer", "operator"])
def test_a_dry_run_says_what_would_be_done_and_does_nothing(kind: str, payload: dict[str, object], by: str) -> None:
    async def main() -> None:
        desk = Desk(mode=Mode.REHEARSE if by == "settings" else Mode.DO)
        desk.cluster.workload("api", nodes=["a", "b"])
        desk.actions.configure(AgentConfig(version=1, dry_run=by == "customer", safe_mode=by == "operator"))
        body = await desk.do(kind, payload)
        assert (body.status, body.dry_run) == ("completed", True)
        assert body.result["would"]
        assert {method for method, _, _ in desk.cluster.calls} <= {"GET"}

    run(main())


def test_after_a_dry_run_the_same_action_is_done_for_real() -> None:
    async def main(desk: Desk) -> None:
        desk.actions.configure(AgentConfig(version=1, dry_run=True))
        await desk.do("cordon_node", CORDON_A, key="same")
        desk.actions.configure(AgentConfig(version=2))
        assert not (await desk.do("cordon_node", CORDON_A, key="same")).dry_run
        assert is_cordoned(desk.cluster.read_node("a"))

    at_desk(main)


def test_a_drain_that_safe_mode_stops_is_a_failure_that_says_so() -> None:
    async def main(desk: Desk) -> None:
        desk.cluster.workload("api", nodes=["a", "b"])
        desk.cluster.budget("strict", app="api", min_available=2)
        task = asyncio.create_task(desk.do("drain_node", CORDON_A))
        await asyncio.sleep(5)
        desk.actions.configure(AgentConfig(version=2, safe_mode=True))
        body = await task
        assert body.status == "failed"
        assert "safe mode" in (body.error_message or "")

    at_desk(main)


def test_an_eviction_that_waits_for_its_budget_is_stopped_by_safe_mode_too() -> None:
    async def main(desk: Desk) -> None:
        desk.cluster.workload("api", nodes=["a", "b"])
        desk.cluster.budget("strict", app="api", min_available=2)
        task = asyncio.create_task(desk.do("evict_pod", {"namespace": "shop", "pod": "api-0", "node": "a"}))
        await asyncio.sleep(5)
        desk.actions.configure(AgentConfig(version=2, safe_mode=True))
        calls = len(desk.cluster.calls)
        body = await task
        assert "safe mode" in (body.error_message or "")
        assert len(desk.cluster.calls) == calls

    at_desk(main)


def test_trouble_that_passes_is_told_as_it_was() -> None:
    async def main(desk: Desk) -> None:
        desk.cluster.fail("GET .*nodes", UnavailableError(503, "ServiceUnavailable", "etcd has no leader"))
        body = await desk.do("cordon_node", CORDON_A, key="same")
        assert "etcd has no leader" in (body.error_message or "")

    at_desk(main)
