"""A cluster's policy sections as planner and state machine are told of them."""

from uuid import UUID

import pytest

from actors.cluster.records import Mode, RebalancePolicy
from actors.hosting.policies import cluster_settings, planning_policy
from domain.errors import InputError
from domain.fleet import DEFAULT_POLICY, ClusterPolicy, PolicySection
from domain.market import Arch
from domain.policy import Capacity, Policy


def policy(**sections: dict) -> ClusterPolicy:
    changed = dict(DEFAULT_POLICY) | {PolicySection(name): value for name, value in sections.items()}
    return ClusterPolicy(cluster_id=UUID(int=1), organization_id=UUID(int=2), sections=changed)


def planned(**sections: dict) -> Policy:
    return planning_policy(policy(**sections), max_concurrent_actions=5)


def test_a_cluster_whose_owner_has_set_nothing_is_planned_by_the_defaults_and_changed_by_nobody() -> None:
    assert planned() == Policy()
    assert cluster_settings(policy(), {}, max_snapshot_age_s=300).mode is Mode.RECOMMEND


def test_constraints_limit_what_may_be_launched() -> None:
    told = planned(constraints={"families": ["m6i"], "architectures": ["arm64"], "max_pool_share": 0.3})
    assert (told.families, told.architectures, told.max_pool_share) == (("m6i",), (Arch.ARM64,), 0.3)


def test_without_a_fallback_only_spot_is_launched_unless_the_strategy_says_otherwise() -> None:
    assert planned(fallback={"on_demand": False}).capacity is Capacity.SPOT
    assert planned(strategy={"capacity": "on-demand"}).capacity is Capacity.ON_DEMAND


def test_aggressiveness_scales_what_a_change_must_save() -> None:
    eager, calm = planned(binpack={"aggressiveness": 100}), planned(binpack={"aggressiveness": 0})
    assert eager.node_min_saving_share == 0
    assert calm.node_min_saving_share > Policy().node_min_saving_share


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
        ({"constraints": {"max_pool_share": 3}}, "max_pool_share must be above 0"),
        ({"binpack": {"aggressiveness": "very"}}, "binpack.aggressiveness: must be a number"),
    ],
)
def test_a_value_that_cannot_be_meant_is_named(sections, told) -> None:
    with pytest.raises(InputError, match=told):
        planned(**sections)


def test_an_unknown_mode_is_named() -> None:
    with pytest.raises(InputError, match="yolo"):
        cluster_settings(policy(strategy={"mode": "yolo"}), {}, max_snapshot_age_s=1)
