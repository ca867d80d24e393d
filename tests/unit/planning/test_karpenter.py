"""Decisions in a cluster where Karpenter launches."""

from dataclasses import replace
from typing import Any

import pytest

from actors.planning.codec import decision_from_json, decision_to_json
from actors.planning.deciding import decided
from actors.planning.karpenter import BY_ITSELF, within_node_pools
from actors.planning.order import Circumstances
from domain import labels as keys
from domain.commands import Priority
from domain.market import CapacityType
from domain.plan import Plan
from domain.proposal import Module
from domain.saga import NodePoolRequirement
from domain.snapshot import Snapshot
from solvers.decision import Decision, DecisionPolicy, Rule
from tests.builders import launch, make_catalog, make_node, make_plan, make_pod, make_snapshot, planned_launch
from tests.builders import make_template as make_any_template
from tests.unit.planning.test_deciding import cheaper, order

TEMPLATE = make_any_template(labels={keys.KARPENTER_NODE_POOL: "general"})
KARPENTER = Circumstances(limits=DecisionPolicy(window_share=1.0), karpenter=True)


def node_pool(*requirements: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodePool",
        "metadata": {"name": "general", "namespace": None},
        "spec": {"template": {"spec": {"requirements": list(requirements)}}, **spec},
        "status": {"nodes": 2, "resources": {"cpu": "4", "nodes": "2"}},
    }


def only(key: str, *values: str, **more: Any) -> dict[str, Any]:
    return {"key": key, "operator": "In", "values": list(values), **more}


def of_karpenter(plan: Plan, whole: Snapshot) -> tuple[Plan, Snapshot]:
    """All nodes of it, and those to be launched, belong to the NodePool."""
    nodes = tuple(replace(node, labels={**node.labels, keys.KARPENTER_NODE_POOL: "general"}) for node in whole.nodes)
    return plan, replace(whole, nodes=nodes, templates=(TEMPLATE,))


def decide(*pools: dict[str, Any], **fields: object) -> Decision:
    plan, whole = of_karpenter(*cheaper())
    wanted = order(**({"circumstances": KARPENTER} | fields))
    return decided(wanted, plan, whole, catalog=make_catalog(), objects=pools)[0]


def test_what_the_node_pool_is_to_launch_is_part_of_the_decision_and_is_told() -> None:
    decision = decide(node_pool())
    assert decision.node_pools == (
        NodePoolRequirement(
            node_pool="general",
            template="default",
            instance_types=("m5.large", "t3.large"),
            zones=("us-east-1a",),
            capacity_types=(CapacityType.SPOT, CapacityType.ON_DEMAND),
            nodes=1,
            vcpu=2,
            memory_bytes=8 << 30,
            at_once=1,
        ),
    )
    (chosen,) = decision.chosen
    (told,) = [change.text for change in chosen.changes if change.code == Rule.KARPENTER]
    assert told.startswith("NodePool general is to launch Spot, else on demand only m5.large, t3.large in us-east-1a")
    assert decision_from_json(decision_to_json(decision)) == decision


def test_types_beside_the_planned_one_that_the_node_pool_does_not_allow_are_left_out() -> None:
    decision = decide(node_pool(only(keys.INSTANCE_TYPE, "m5.large", "c5.large")))
    assert decision.node_pools[0].instance_types == ("m5.large",)
    assert {pool.pool.instance_type for pool in decision.chosen[0].proposal.launches[0].spot} == {"m5.large"}


REFUSED: dict[str, tuple[list[dict[str, Any]], str]] = {
    "type": ([node_pool(only(keys.INSTANCE_TYPE, "c5.large"))], "NodePool general does not allow m5.large"),
    "family": ([node_pool(only("karpenter.k8s.aws/instance-category", "r"))], "NodePool general does not allow"),
    "market": (
        [node_pool(only(keys.KARPENTER_CAPACITY_TYPE, "on-demand"))],
        "does not allow m5.large in use1-az1 (spot)",
    ),
    "zone": ([node_pool(only(keys.ZONE, "us-east-1b"))], "NodePool general does not allow"),
    "governed": (
        [node_pool() | {"metadata": {"name": "general", "labels": {"argocd.argoproj.io/instance": "infra"}}}],
        "NodePool general cannot be narrowed: Argo CD manages it",
    ),
    "missing": ([], "NodePool general is not there"),
    "min-values": (
        [node_pool({"key": keys.INSTANCE_TYPE, "operator": "Exists", "minValues": 3})],
        "NodePool general cannot be narrowed: its minValues asks for 3 values",
    ),
    "limits": ([node_pool(limits={"cpu": "5"})], "cannot be narrowed: its limits allow 5 of cpu"),
    "budget": ([node_pool(disruption={"budgets": [{"nodes": "0"}]})], "cannot be narrowed: its disruption budget"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_node_pool_does_not_take_is_refused_before_anybody_has_approved_it(name: str) -> None:
    pools, told = REFUSED[name]
    decision = decide(*pools)
    assert (decision.chosen, decision.node_pools) == ((), ())
    (refused,) = decision.refused
    assert (refused.rule, told in refused.reason.text) == (Rule.KARPENTER, True), refused.reason.text


def test_what_aws_takes_karpenter_replaces_by_itself() -> None:
    plan, whole = of_karpenter(*cheaper())
    circumstances = replace(KARPENTER, going={"a": Module.INTERRUPTION})
    wanted = order(circumstances=circumstances, priority=Priority.INTERRUPTION)
    decision, leaving = decided(wanted, plan, whole, catalog=make_catalog(), objects=[node_pool()])
    (chosen,) = decision.chosen
    assert (chosen.proposal.launches, chosen.proposal.removes, decision.node_pools) == ((), ("a",), ())
    assert BY_ITSELF in {change.text for change in chosen.changes}
    assert [one.node for one in leaving] == ["a"]


def test_room_for_pods_without_a_place_is_left_to_karpenter() -> None:
    whole = make_snapshot([make_node("a")], [make_pod("web")])
    placed = {whole.pods[0].key: "new-1"}
    made = make_plan(whole, [launch(1, "new-1")], new=[planned_launch(spot=True)], placed=placed)
    plan, whole = of_karpenter(made, whole)
    wanted = order(circumstances=KARPENTER)
    decision, _ = decided(wanted, plan, whole, catalog=make_catalog(), objects=[node_pool()])
    assert decision.chosen == ()
    assert [one.reason.text for one in decision.refused] == [BY_ITSELF]


def test_groups_that_are_no_node_pools_are_launched_as_ever() -> None:
    plan, whole = cheaper()
    decision, _ = decided(order(circumstances=KARPENTER), plan, whole, catalog=make_catalog(), objects=[node_pool()])
    assert len(decision.chosen) == 1
    assert decision.node_pools == ()


def test_planning_takes_only_types_that_the_node_pool_allows() -> None:
    _, whole = of_karpenter(*cheaper())
    pool = node_pool(only("karpenter.k8s.aws/instance-category", "m"), only(keys.KARPENTER_CAPACITY_TYPE, "spot"))
    (template,) = within_node_pools(whole, [pool], make_catalog()).templates
    assert template.instance_types
    assert all(name.startswith("m") for name in template.instance_types)
    assert within_node_pools(whole, [node_pool()], make_catalog()).templates == (TEMPLATE,)
