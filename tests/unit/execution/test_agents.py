"""The queue of signed actions as the cluster's half of a saga."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from actors.execution.agents import ConfigPermit, QueuedActions, look_at
from actors.execution.ports import Order, Ruling, Where
from adapters.redis.keys import agent_command
from adapters.redis.ports import Message
from domain.commands import AgentActionKind
from domain.delta import ObjectSet
from domain.errors import RejectedError
from domain.saga import NodeView
from domain.signing import BoundedNonces, SignedAction, verify
from domain.wire.socket import CommandMessage, ResendMessage
from domain.work import ActionResult, ActionStatus
from tests.unit.platform_world import CLUSTER, ORGANIZATION, SIGNING, World, world

__all__ = ["world"]

HERE = Where(organization_id=ORGANIZATION, cluster_id=CLUSTER)
ACTION = UUID(int=50)


@dataclass
class Sent:
    """What the agent has sent."""

    known: tuple[ObjectSet, datetime] | None = None
    asked: list[Where] = field(default_factory=list)

    async def __call__(self, where: Where) -> tuple[ObjectSet, datetime] | None:
        self.asked.append(where)
        return self.known


def make_order(world: World, **fields: Any) -> Order:
    defaults: dict[str, Any] = {
        "action_id": ACTION,
        "kind": AgentActionKind.DRAIN,
        "payload": {"node": "a", "instance_id": "i-a"},
        "expires_at": world.clock.now() + timedelta(minutes=15),
        "reason": "cheaper",
    }
    return Order(**(defaults | fields))


def pod(name: str, node: str = "a", *, owner: str = "ReplicaSet", phase: str = "Running", mirror: str = "") -> dict:
    annotations = {"kubernetes.io/config.mirror": mirror} if mirror else {}
    return {
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "shop",
            "annotations": annotations,
            "ownerReferences": [{"kind": owner, "name": "web"}],
        },
        "spec": {"nodeName": node} if node else {},
        "status": {"phase": phase},
    }


def node(name: str, *, ready: str = "True", cordoned: bool = False) -> dict:
    return {
        "kind": "Node",
        "metadata": {"name": name},
        "spec": {"providerID": f"aws:///us-east-1a/i-{name}", "unschedulable": cordoned},
        "status": {"conditions": [{"type": "Ready", "status": ready}]},
    }


async def test_an_action_is_queued_once_signed_for_the_agent(world: World) -> None:
    queue = QueuedActions(world.services, Sent())
    await queue.order(HERE, make_order(world))
    await queue.order(HERE, make_order(world))
    async with world.services.database.tenant(ORGANIZATION) as tx:
        (action,) = await tx.actions.open_of_cluster(CLUSTER)
    signed = SignedAction(
        cluster=str(CLUSTER),
        id=str(action.id),
        type=action.kind,
        payload=action.payload,
        expires_at=action.expires_at,
        nonce=action.nonce,
        key_id=action.key_id,
        signature=action.signature,
    )
    verify(signed, {SIGNING.id: SIGNING}, cluster=str(CLUSTER), now=world.clock.now(), nonces=BoundedNonces())


async def test_it_tells_how_actions_stand(world: World) -> None:
    queue = QueuedActions(world.services, Sent())
    assert await queue.standings(HERE, [ACTION]) == ()
    await queue.order(HERE, make_order(world))
    assert [one.status for one in await queue.standings(HERE, [ACTION])] == [ActionStatus.PENDING]
    async with world.services.database.tenant(ORGANIZATION) as tx:
        await tx.actions.take_pending(CLUSTER, world.clock.now())
        await tx.actions.record(
            ActionResult(
                action_id=ACTION,
                cluster_id=CLUSTER,
                status=ActionStatus.FAILED,
                at=world.clock.now(),
                error="a budget forbids it",
            )
        )
    (standing,) = await queue.standings(HERE, [ACTION])
    assert (standing.status, standing.error) == (ActionStatus.FAILED, "a budget forbids it")


async def test_an_action_that_nobody_took_in_time_has_expired_and_one_can_be_withdrawn(world: World) -> None:
    queue = QueuedActions(world.services, Sent())
    await queue.order(HERE, make_order(world))
    other = UUID(int=51)
    await queue.order(HERE, make_order(world, action_id=other))
    await queue.withdraw(HERE, [other], reason="not wanted any more")
    await world.clock.advance(901)
    late, withdrawn = await queue.standings(HERE, [ACTION, other])
    assert (late.status, withdrawn.status, withdrawn.error) == (
        ActionStatus.EXPIRED,
        ActionStatus.FAILED,
        "not wanted any more",
    )


async def test_an_action_whose_time_is_over_is_not_queued(world: World) -> None:
    with pytest.raises(RejectedError):
        await QueuedActions(world.services, Sent()).order(HERE, make_order(world, expires_at=world.clock.now()))


async def test_without_a_key_nothing_is_queued(world: World) -> None:
    async with world.services.database.platform() as tx:
        for key in await tx.api_keys.of_cluster(CLUSTER):
            await tx.api_keys.revoke(key.id, reason="test", now=world.clock.now())
    with pytest.raises(RejectedError):
        await QueuedActions(world.services, Sent()).order(HERE, make_order(world))


async def test_a_cluster_that_has_sent_nothing_shows_nothing(world: World) -> None:
    look = await QueuedActions(world.services, Sent()).look(HERE, nodes=["a"], instance_ids=[])
    assert (look.nodes, look.observed_at) == ((), None)


async def test_the_agent_is_asked_for_all_objects_only_when_it_was_silent_for_long(world: World) -> None:
    sent = Sent(known=(ObjectSet.of([node("a")]), world.clock.now()))
    queue = QueuedActions(world.services, sent)
    async with world.services.hub.bus.subscribe(agent_command(str(CLUSTER))) as subscription:
        await queue.look(HERE, nodes=["a"], instance_ids=[])
        await world.clock.advance(61)
        await queue.look(HERE, nodes=["a"], instance_ids=[])
        await queue.order(HERE, make_order(world))
        heard = [await anext(subscription) for _ in range(2)]
    bodies = [one.body for one in heard if isinstance(one, Message)]
    assert bodies == [ResendMessage().model_dump_json().encode(), CommandMessage().model_dump_json().encode()]


async def test_nodes_are_seen_as_the_agent_sent_them(world: World) -> None:
    now = world.clock.now()
    sent = [
        node("a", cordoned=True),
        node("b", ready="False"),
        node("c"),
        pod("web-1"),
        pod("log-1", owner="DaemonSet"),
        pod("kube-proxy", owner="Node", mirror="x"),
        pod("job-1", phase="Succeeded"),
        pod("web-2", ""),
    ]
    queue = QueuedActions(world.services, Sent(known=(ObjectSet.of(sent), now)))
    look = await queue.look(HERE, nodes=["a"], instance_ids=["i-b"])
    assert look.nodes == (
        NodeView(name="a", instance_id="i-a", ready=True, cordoned=True, evictable_pods=1, observed_at=now),
        NodeView(name="b", instance_id="i-b", ready=False, cordoned=False, evictable_pods=0, observed_at=now),
    )
    assert (look.pending_pods, look.observed_at) == ({"shop/web-2"}, now)
    assert look_at(ObjectSet.of([]), now, nodes=["a"], instance_ids=[]).nodes == ()


async def test_safe_mode_refuses_every_permit_from_the_moment_it_is_switched_on(world: World) -> None:
    permit = ConfigPermit(world.services)
    assert await permit.ask(HERE, "launch") is Ruling.GO
    async with world.services.database.platform() as tx:
        await tx.config.set("SAFE_MODE", "TRUE", by="admin", now=world.clock.now())
    assert await permit.ask(HERE, "launch") is Ruling.STOP
