"""Cordon, uncordon, label and drain, as the service commands them."""

import asyncio
from datetime import timedelta
from typing import Any

from agent.drains.marks import CORDONED, is_cordoned
from domain.signing import wire_time
from domain.wire.messages import AgentConfig
from tests.unit.agent.actions.desk import Desk, at_desk
from tests.unit.agent.twin import START

A = {"node": "a", "instance_id": "i-a"}
DEADLINE = wire_time(START + timedelta(seconds=120))


def cordon_by_hand(desk: Desk) -> None:
    desk.cluster.read_node("a")["spec"]["unschedulable"] = True


def test_a_cordon_is_marked_as_ours_and_a_second_one_changes_nothing() -> None:
    async def main(desk: Desk) -> None:
        assert (await desk.do("cordon_node", A)).result == {"changed": True}
        assert CORDONED in desk.cluster.read_node("a")["metadata"]["annotations"]
        assert (await desk.do("cordon_node", A)).result == {"changed": False}

    at_desk(main)


def test_what_we_cordoned_we_uncordon_and_nothing_of_ours_is_left() -> None:
    async def main(desk: Desk) -> None:
        await desk.do("cordon_node", A)
        assert (await desk.do("uncordon_node", A)).result == {"changed": True}
        assert not is_cordoned(desk.cluster.read_node("a"))
        assert desk.cluster.read_node("a")["metadata"]["annotations"] == {}

    at_desk(main)


def test_what_somebody_else_cordoned_stays_cordoned() -> None:
    async def main(desk: Desk) -> None:
        cordon_by_hand(desk)
        await desk.do("cordon_node", A)
        body = await desk.do("uncordon_node", A)
        assert (body.status, body.result["changed"]) == ("completed", False)
        assert "somebody else" in body.result["note"]
        assert is_cordoned(desk.cluster.read_node("a"))

    at_desk(main)


def test_every_action_on_a_node_that_has_gone_is_done() -> None:
    async def main(desk: Desk) -> None:
        gone = {"node": "nowhere"}
        for kind, payload in (
            ("cordon_node", gone),
            ("uncordon_node", gone),
            ("drain_node", gone),
            ("label_node", gone | {"labels": {"x": "y"}}),
        ):
            body = await desk.do(kind, payload)
            assert (body.status, body.result["gone"]) == ("completed", True), kind

    at_desk(main)


def test_another_instance_under_the_same_name_is_left_alone() -> None:
    async def main(desk: Desk) -> None:
        for kind in ("cordon_node", "uncordon_node", "drain_node"):
            body = await desk.do(kind, {"node": "a", "instance_id": "i-before"})
            assert body.status == "failed"
            assert "not i-before" in (body.error_message or "")
        assert desk.cluster.paths("PATCH") == []

    at_desk(main)


def test_labels_are_set_and_removed_and_what_is_so_already_is_not_written() -> None:
    async def main(desk: Desk) -> None:
        labels: dict[str, Any] = {"team": "blue", "topology.kubernetes.io/zone": None, "absent": None}
        assert (await desk.do("label_node", {"node": "a", "labels": labels})).result == {"changed": True}
        have = desk.cluster.read_node("a")["metadata"]["labels"]
        assert have["team"] == "blue"
        assert "topology.kubernetes.io/zone" not in have
        assert (await desk.do("label_node", {"node": "a", "labels": labels})).result == {"changed": False}

    at_desk(main)


def test_a_drain_that_empties_its_node_is_completed_with_its_numbers() -> None:
    async def main(desk: Desk) -> None:
        desk.cluster.workload("api", nodes=["a", "a", "b"])
        body = await desk.do("drain_node", A | {"deadline_at": DEADLINE})
        assert body.status == "completed"
        assert (body.result["evicted"], body.result["left"]) == (2, 0)

    at_desk(main)


def test_a_drain_that_leaves_pods_is_a_failure_that_names_them() -> None:
    async def main(desk: Desk) -> None:
        desk.cluster.workload("api", nodes=["a", "b"])
        desk.cluster.budget("strict", app="api", min_available=2)
        body = await desk.do("drain_node", A | {"deadline_at": DEADLINE})
        assert body.status == "failed"
        assert "shop/api-0 (The disruption budget strict" in (body.error_message or "")
        assert body.result["unsaved"][0]["pod"] == "shop/api-0"

    at_desk(main)


def test_a_drain_without_a_deadline_leaves_what_must_not_be_disrupted() -> None:
    async def main(desk: Desk) -> None:
        desk.cluster.pod("batch", node="a", annotations={"karpenter.sh/do-not-disrupt": "true"})
        body = await desk.do("drain_node", A)
        assert body.status == "failed"
        assert desk.cluster.evicted == {}
        assert not is_cordoned(desk.cluster.read_node("a"))

    at_desk(main)


def test_a_drain_of_a_node_that_is_lost_spares_nothing() -> None:
    async def main(desk: Desk) -> None:
        desk.cluster.read_node("a")["status"]["conditions"] = [{"type": "Ready", "status": "Unknown"}]
        desk.cluster.pod("batch", node="a", annotations={"karpenter.sh/do-not-disrupt": "true"})
        assert (await desk.do("drain_node", A)).status == "completed"

    at_desk(main)


def test_an_interrupted_node_is_not_uncordoned() -> None:
    async def main(desk: Desk) -> None:
        desk.cluster.workload("slow", nodes=["a", "b"], grace_s=60)
        drain = asyncio.create_task(desk.do("drain_node", A | {"deadline_at": DEADLINE}))
        await asyncio.sleep(5)
        body = await desk.do("uncordon_node", A)
        assert body.status == "failed"
        assert "interrupted" in (body.error_message or "")
        assert (await drain).status == "completed"
        assert is_cordoned(desk.cluster.read_node("a"))

    at_desk(main)


def test_an_uncordon_calls_off_a_drain_of_our_own_choice() -> None:
    async def main(desk: Desk) -> None:
        desk.cluster.workload("api", nodes=["a", "b"])
        desk.cluster.budget("strict", app="api", min_available=2)
        drain = asyncio.create_task(desk.do("drain_node", A))
        await asyncio.sleep(5)
        assert (await desk.do("uncordon_node", A)).status == "completed"
        body = await drain
        assert "called off" in (body.error_message or "")
        assert not is_cordoned(desk.cluster.read_node("a"))

    at_desk(main)


def test_a_rehearsed_drain_says_who_would_leave_and_who_would_not() -> None:
    async def main(desk: Desk) -> None:
        desk.actions.configure(AgentConfig(version=1, dry_run=True))
        desk.cluster.workload("api", nodes=["a", "b"])
        desk.cluster.pod("lone", node="a", owner=None)
        body = await desk.do("drain_node", A)
        assert body.result["evict"] == ["shop/api-0"]
        assert body.result["keep"][0]["pod"] == "shop/lone"

    at_desk(main)
