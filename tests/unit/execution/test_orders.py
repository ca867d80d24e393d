"""From decisions and single actions to sagas, and back to the state machine of a cluster."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from actors.execution.codec import from_body, to_body
from actors.execution.orders import Frame, RemovedNode, of_decision
from domain.errors import InputError
from domain.market import CapacityType
from domain.proposal import Module
from domain.saga import NodePoolRequirement, SagaStatus
from solvers.decision import resolve
from tests.unit.decision.builders import NOW, make_facts, make_launch, make_policy, make_proposal
from tests.unit.execution.world import (
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


def test_a_node_that_an_agent_was_told_to_empty_is_only_seen_to_be_empty() -> None:
    nodes = {name: RemovedNode(instance_id=f"i-{name}", drained=True) for name in "ab"}
    for removal in of_decision(decided(), FRAME, nodes=nodes).removals:
        assert (removal.emptied, removal.after) == (True, ())


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
