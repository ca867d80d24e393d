"""From decisions and single actions to sagas, and back to the state machine of a cluster."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from actors.execution.codec import from_body, to_body
from actors.execution.orders import Frame, RemovedNode, of_decision
from domain.errors import InputError
from domain.proposal import Module
from domain.saga import NodePoolRequirement
from solvers.decision import resolve
from tests.unit.decision.builders import NOW, make_facts, make_launch, make_policy, make_proposal
from tests.unit.execution.world import (
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


def test_what_karpenter_launches_the_saga_does_not() -> None:
    wanted = NodePoolRequirement(node_pool="general", template="general", instance_types=("m5.large",))
    spec = of_decision(replace(decided(), node_pools=(wanted,)), FRAME, nodes=NODES)
    assert (spec.launches, spec.karpenter) == ((), (wanted,))
    assert [removal.after for removal in spec.removals] == [(), ()]
    assert from_body(to_body(spec)) == spec


def test_other_groups_are_launched_beside_karpenter() -> None:
    wanted = NodePoolRequirement(node_pool="batch", template="batch", instance_types=("m5.large",))
    spec = of_decision(replace(decided(), node_pools=(wanted,)), FRAME, nodes=NODES)
    assert len(spec.launches) == 2


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


@pytest.mark.parametrize("wrong", ["width", "stale", "pool", "twice", "waits"])
async def test_a_specification_that_cannot_be_meant_is_refused(wrong: str) -> None:
    world = await make_world()
    spec = replacing(world, "a")
    fields: dict[str, dict[str, Any]] = {
        "width": {"width": 0},
        "stale": {"stale_at": spec.observed_at},
        "pool": {"karpenter": (NodePoolRequirement(node_pool="a"), NodePoolRequirement(node_pool="a"))},
        "twice": {"launches": spec.launches * 2},
        "waits": {"removals": spec.removals},
    }
    with pytest.raises(ValueError, match=r".+"):
        make_spec(world, **fields[wrong])
