"""From decisions and single actions to sagas, and back to the state machine of a cluster."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from actors.cluster.inputs import Ended
from actors.cluster.records import Mode
from actors.execution.carrying import SagaAws
from actors.execution.codec import from_body, to_body
from actors.execution.modes import Verdict, admit
from actors.execution.orders import Frame, RemovedNode, of_decision
from actors.execution.ports import Where
from domain.commands import AskAws, AwsActionKind
from domain.errors import InputError
from domain.market import CapacityType
from domain.proposal import Module
from domain.saga import LaunchOrder, NodePoolRequirement, SagaStatus
from solvers.decision import resolve
from tests.unit.decision.builders import NOW, make_facts, make_launch, make_policy, make_proposal
from tests.unit.execution.world import (
    World,
    make_order,
    make_service,
    make_spec,
    make_world,
    replacing,
)

FRAME = Frame(
    saga_id=UUID(int=1),
    organization_id=UUID(int=2),
    cluster_id=UUID(int=3),
    observed_at=NOW,
    lifetime=timedelta(minutes=5),
    width=3,
    plan_generation=4,
)
NODES = {name: RemovedNode(instance_id=f"i-{name}", asg="workers") for name in "ab"}


class PlainBook:
    """Knows what the world knows."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def order(self, where: Where, command: AskAws) -> LaunchOrder:
        return make_order(command.node)

    async def node(self, where: Where, command: AskAws) -> RemovedNode:
        if command.node not in self._world.nodes:
            raise InputError("node", command.node, "is not known")
        return RemovedNode(instance_id=self._world.nodes[command.node].instance_id)


def make_command(world: World, kind: AwsActionKind, node: str, **fields: Any) -> AskAws:
    defaults: dict[str, Any] = {
        "cause": "test",
        "action_id": str(UUID(int=77)),
        "kind": kind,
        "node": node,
        "plan": 1,
        "job": "",
        "expires_at": world.clock.now() + timedelta(seconds=600),
        "reason": "because the test says so",
    }
    return AskAws(**(defaults | fields))


def decided() -> Any:
    proposals = [
        make_proposal("cheap", removes=("a",), launches=(make_launch(),)),
        make_proposal("gone", Module.INTERRUPTION, removes=("b",), launches=(make_launch(),), saving_usd_per_h=-0.1),
    ]
    return resolve(proposals, facts=make_facts("a", "b"), policy=make_policy(), now=NOW)


def test_a_decision_becomes_one_saga_in_which_only_what_aws_takes_waits_for_nothing() -> None:
    spec = of_decision(decided(), FRAME, nodes=NODES)
    assert [order.name for order in spec.launches] == ["0.new-1", "1.new-1"]
    assert {removal.node: removal.after for removal in spec.removals} == {"b": (), "a": ("1.new-1",)}
    assert (spec.stale_at, spec.promised_micro_usd_per_h) == (NOW + timedelta(minutes=5), 0)
    assert from_body(to_body(spec)) == spec


def test_with_karpenter_a_saga_launches_nothing() -> None:
    wanted = NodePoolRequirement(
        node_pool="general", instance_types=("m5.large",), zones=("us-east-1a",), capacity_types=(CapacityType.SPOT,)
    )
    spec = of_decision(decided(), FRAME, nodes=NODES, karpenter=[wanted])
    assert (spec.launches, spec.karpenter) == ((), (wanted,))


def test_a_decision_on_a_node_that_is_not_known_is_refused() -> None:
    with pytest.raises(InputError):
        of_decision(decided(), FRAME, nodes={})


def test_a_specification_of_a_newer_program_is_refused() -> None:
    body = to_body(of_decision(decided(), FRAME, nodes=NODES))
    for wrong in ({**body, "version": 2}, {**body, "spec": {}}):
        with pytest.raises(InputError):
            from_body(wrong)


@pytest.mark.parametrize(
    ("mode", "verdict"),
    [(Mode.RECOMMEND, Verdict.SHOW), (Mode.APPROVE, Verdict.WAIT), (Mode.AUTOMATIC, Verdict.BEGIN)],
)
async def test_a_plan_begins_as_the_mode_says_and_never_when_it_is_stale(mode: Mode, verdict: Verdict) -> None:
    world = await make_world()
    spec, now = make_spec(world), world.clock.now()
    assert admit(spec, mode, approved_at=None, now=now).verdict is verdict
    late = spec.stale_at + timedelta(seconds=1)
    assert admit(spec, mode, approved_at=now, now=late).verdict is Verdict.STALE


async def test_an_approved_plan_begins_and_one_that_waits_says_until_when() -> None:
    world = await make_world()
    spec, now = make_spec(world), world.clock.now()
    assert admit(spec, Mode.APPROVE, approved_at=now, now=now).verdict is Verdict.BEGIN
    waiting = admit(spec, Mode.APPROVE, approved_at=None, now=now)
    assert (waiting.goes_stale_at, "12:05:00" in waiting.text) == (spec.stale_at, True)


async def test_a_launch_of_the_state_machine_ends_when_its_node_is_ready() -> None:
    world = await make_world()
    service = make_service(world)
    aws = SagaAws(service.runner, PlainBook(world), world.clock)
    command = make_command(world, AwsActionKind.LAUNCH, "new-1")
    asked = asyncio.create_task(aws.carry_out(world.cluster.id, world.cluster.organization_id, command))
    await world.clock.advance(30)
    assert not asked.done()
    await world.clock.advance(60)
    ended = await asked
    assert (ended.ended, ended.action_id, world.running()) == (Ended.COMPLETED, command.action_id, {"i-new-1"})
    again = await aws.carry_out(world.cluster.id, world.cluster.organization_id, command)
    assert (again.ended, world.launched_ever()) == (Ended.COMPLETED, 1)
    await service.runner.close()


async def test_a_node_that_still_has_pods_is_not_terminated_for_the_state_machine() -> None:
    world = await make_world()
    world.add_node("a", pods=1, cordoned=True)
    service = make_service(world)
    aws = SagaAws(service.runner, PlainBook(world), world.clock)
    command = make_command(world, AwsActionKind.TERMINATE, "a")
    asked = asyncio.create_task(aws.carry_out(world.cluster.id, world.cluster.organization_id, command))
    await world.clock.advance(1_500)
    ended = await asked
    assert (ended.ended, ended.error) == (Ended.FAILED, "empty a: pods are still there after 300 s")
    assert (world.running(), world.nodes["a"].cordoned) == ({"i-a"}, True)
    await service.runner.close()


async def test_an_empty_node_is_terminated_and_an_unknown_one_is_refused() -> None:
    world = await make_world()
    world.add_node("a", pods=0, cordoned=True)
    service = make_service(world)
    aws = SagaAws(service.runner, PlainBook(world), world.clock)
    known = make_command(world, AwsActionKind.TERMINATE, "a")
    asked = asyncio.create_task(aws.carry_out(world.cluster.id, world.cluster.organization_id, known))
    await world.clock.advance(60)
    assert ((await asked).ended, world.running()) == (Ended.COMPLETED, set())
    strange = make_command(world, AwsActionKind.TERMINATE, "z", action_id=str(UUID(int=78)))
    refused = await aws.carry_out(world.cluster.id, world.cluster.organization_id, strange)
    assert (refused.ended, "is not known" in refused.error) == (Ended.FAILED, True)
    await service.runner.close()


WANTED = NodePoolRequirement(
    node_pool="general", instance_types=("m5.large",), zones=("us-east-1a",), capacity_types=(CapacityType.SPOT,)
)
BEFORE = NodePoolRequirement(
    node_pool="general", instance_types=("c5.large",), zones=(), capacity_types=(CapacityType.ON_DEMAND,)
)


async def test_with_karpenter_requirements_are_set_and_nodes_end_once_no_pod_is_pending() -> None:
    world = await make_world()
    world.requirements = (BEFORE,)
    service = make_service(world)
    spec = make_spec(world, removals=(world.add_node("a"),), karpenter=(WANTED,))
    await service.runner.start(spec)
    await world.clock.advance(60)
    assert (world.requirements, world.pending_pods, world.running()) == ((WANTED,), 3, {"i-a"})
    world.pending_pods = 0
    ended = await service.until_ended(spec.id)
    await service.runner.close()
    assert ended is not None
    assert (ended.status, world.running(), world.launch_calls) == (SagaStatus.DONE, set(), [])


async def test_undone_karpenter_is_told_again_what_it_was_told_before() -> None:
    world = await make_world()
    world.requirements, world.drain_fails = (BEFORE,), True
    service = make_service(world)
    spec = make_spec(world, removals=(world.add_node("a"),), karpenter=(WANTED,))
    await service.runner.start(spec)
    ended = await service.until_ended(spec.id)
    await service.runner.close()
    assert ended is not None
    assert (ended.status, world.requirements) == (SagaStatus.UNDONE, (BEFORE,))
    assert not world.nodes["a"].cordoned


@pytest.mark.parametrize("wrong", ["width", "stale", "both", "twice", "waits"])
async def test_a_specification_that_cannot_be_meant_is_refused(wrong: str) -> None:
    world = await make_world()
    spec = replacing(world, "a")
    fields: dict[str, dict[str, Any]] = {
        "width": {"width": 0},
        "stale": {"stale_at": spec.observed_at},
        "both": {"karpenter": (WANTED,), "launches": spec.launches},
        "twice": {"launches": spec.launches * 2},
        "waits": {"removals": spec.removals},
    }
    with pytest.raises(ValueError, match=r".+"):
        make_spec(world, **fields[wrong])
