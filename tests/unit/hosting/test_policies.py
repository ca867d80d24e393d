"""A cluster's policy sections as planner and state machine are told of them."""

from uuid import UUID

import pytest

from actors.cluster.records import ClusterSettings, Mode, RebalancePolicy
from actors.hosting.advice import Advising
from actors.hosting.policies import (
    advising,
    cluster_settings,
    decision_limits,
    launches_by_karpenter,
    planning_policy,
    why_not_to_act,
)
from domain.errors import InputError
from domain.fleet import DEFAULT_POLICY, ClusterPolicy, PolicySection
from domain.market import Arch
from domain.policy import Allocation, Capacity, Policy
from solvers.decision import DecisionPolicy
from tests.unit.postgres.builders import make_cluster


def policy(**sections: dict) -> ClusterPolicy:
    changed = dict(DEFAULT_POLICY) | {PolicySection(name): value for name, value in sections.items()}
    return ClusterPolicy(cluster_id=UUID(int=1), organization_id=UUID(int=2), sections=changed)


def planned(**sections: dict) -> Policy:
    return planning_policy(policy(**sections), max_concurrent_actions=5)


def test_a_cluster_whose_owner_has_set_nothing_is_planned_by_the_defaults_and_changed_by_nobody() -> None:
    assert planned() == Policy()
    assert cluster_settings(policy(), {}, max_snapshot_age_s=300).mode is Mode.RECOMMEND


def test_constraints_limit_what_may_be_launched() -> None:
    told = planned(
        constraints={"families": ["m6i"], "architectures": ["arm64"], "allow_burstable": False},
        spread={"max_pool_share": 0.3},
    )
    assert not told.allow_burstable
    assert (told.families, told.architectures, told.max_pool_share) == (("m6i",), (Arch.ARM64,), 0.3)


def test_without_a_fallback_only_spot_is_launched_unless_the_strategy_says_otherwise() -> None:
    assert planned(fallback={"on_demand": False}).capacity is Capacity.SPOT
    assert planned(strategy={"capacity": "on-demand"}).capacity is Capacity.ON_DEMAND


def test_aggressiveness_scales_what_a_change_must_save() -> None:
    eager, calm = planned(binpack={"aggressiveness": 100}), planned(binpack={"aggressiveness": 0})
    assert eager.node_min_saving_share == 0
    assert calm.node_min_saving_share > Policy().node_min_saving_share


def test_the_strategy_says_how_much_the_risk_of_a_pool_counts_against_its_price() -> None:
    premiums = [planned(strategy={"allocation": str(one)}).risk_premium for one in Allocation]
    assert premiums == sorted(premiums)
    assert (premiums[0], planned().risk_premium) == (0, Policy().risk_premium)


def test_a_cluster_may_be_worked_upon_more_slowly_than_the_platform_allows_and_not_faster() -> None:
    for own, told in ((2, 2), (50, 5)):
        constrained = policy(constraints={"max_concurrent_actions": own})
        assert cluster_settings(constrained, {}, max_snapshot_age_s=300).max_concurrent_actions == told


def test_what_an_interruption_costs_reaches_decisions() -> None:
    told = cluster_settings(policy(fallback={"interruption_cost_h": 48}), {}, max_snapshot_age_s=300)
    assert decision_limits(Policy(), told).interruption_cost_h == 48
    assert ClusterSettings().interruption_cost_h == DecisionPolicy().interruption_cost_h


def test_advice_on_requests_is_given_with_the_buffer_that_is_wanted_or_not_at_all() -> None:
    assert advising(policy()) == Advising()
    assert advising(policy(buffer={"percent": 50})) == Advising(buffer_share=0.5)
    assert not advising(policy(rightsize={"mode": "off"})).wanted


def test_the_configuration_of_all_and_the_strategy_of_one_reach_the_state_machine() -> None:
    config = {"OPTIMIZATION_COOLDOWN": "60", "MAX_CONCURRENT_ACTIONS": "2", "SAFE_MODE": "FALSE"}
    told = cluster_settings(
        policy(strategy={"mode": "automatic", "rebalance": "replace"}), config, max_snapshot_age_s=120
    )
    assert (told.mode, told.rebalance) == (Mode.AUTOMATIC, RebalancePolicy.REPLACE)
    assert (told.cooldown_s, told.max_concurrent_actions, told.max_snapshot_age_s) == (60, 2, 120)


@pytest.mark.parametrize(
    ("sections", "told"),
    [
        ({"constraints": {"families": "m6i"}}, "families must be a list of names"),
        ({"constraints": {"architectures": ["sparc"]}}, "sparc"),
        ({"spread": {"max_pool_share": 3}}, "max_pool_share must be above 0"),
        ({"strategy": {"allocation": "cheapest"}}, "cheapest"),
        ({"binpack": {"aggressiveness": "very"}}, "binpack.aggressiveness: must be a number"),
    ],
)
def test_a_value_that_cannot_be_meant_is_named(sections, told) -> None:
    with pytest.raises(InputError, match=told):
        planned(**sections)


def test_an_unknown_mode_is_named() -> None:
    with pytest.raises(InputError, match="yolo"):
        cluster_settings(policy(strategy={"mode": "yolo"}), {}, max_snapshot_age_s=1)


def test_where_karpenter_launches_plans_are_carried_out_once_the_agent_sees_its_node_pools() -> None:
    linked = make_cluster(UUID(int=2), account_id=UUID(int=3))
    assert why_not_to_act(linked, karpenter=True, node_pools=1) == ""
    assert why_not_to_act(linked, karpenter=False, node_pools=0) == ""
    assert "karpenter.enabled" in why_not_to_act(linked, karpenter=True, node_pools=0)
    assert "no AWS account" in why_not_to_act(make_cluster(UUID(int=2)), karpenter=True, node_pools=1)
    assert launches_by_karpenter(policy(karpenter={"enabled": True}))
    assert not launches_by_karpenter(policy())
