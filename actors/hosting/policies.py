"""From the sections of a cluster's policy, as customers set them, to what planner and state machine are told."""

from collections.abc import Mapping
from typing import Any

from actors.cluster.records import ClusterSettings, Mode, RebalancePolicy
from actors.hosting.advice import Advising
from domain.errors import InputError
from domain.fleet import DEFAULT_POLICY, Cluster, ClusterPolicy, PolicySection
from domain.market import Arch
from domain.policy import Allocation, Capacity, Policy
from solvers.decision import DecisionPolicy

USUAL_AGGRESSIVENESS = 40
"""Aggressiveness (0 to 100) at which a node must save what `domain.policy.Policy` says by default."""

ADVICE_OFF = "off"
"""Mode of right-sizing in which nothing is advised."""

_CONFIG = {
    "OPTIMIZATION_COOLDOWN": "cooldown_s",
    "MAX_CONCURRENT_ACTIONS": "max_concurrent_actions",
}


def planning_policy(policy: ClusterPolicy, *, max_concurrent_actions: int) -> Policy:
    """What may be launched, and what a change must be worth.

    Aggressiveness scales the saving that justifies touching a node: at 100 any saving will do, at 0 it must be 1.7
    times the usual one.

    Raises
    ------
    InputError
        When a section holds a value that cannot be meant; names section and field.
    """
    section = policy.sections
    constraints = section[PolicySection.CONSTRAINTS]
    usual = Policy()
    eager = _number(section, PolicySection.BINPACK, "aggressiveness", USUAL_AGGRESSIVENESS)
    ease = (100.0 - eager) / (100.0 - USUAL_AGGRESSIVENESS)
    try:
        return Policy(
            capacity=_capacity(section),
            families=_names(constraints, "families"),
            architectures=tuple(Arch(name) for name in _names(constraints, "architectures")),
            excluded_namespaces=_names(section[PolicySection.EXCLUSIONS], "namespaces", usual.excluded_namespaces),
            max_pool_share=_number(section, PolicySection.SPREAD, "max_pool_share", usual.max_pool_share),
            max_loss_share=_number(section, PolicySection.SPREAD, "max_loss_share", usual.max_loss_share),
            max_loss_probability=_number(
                section, PolicySection.SPREAD, "max_loss_probability", usual.max_loss_probability
            ),
            risk_premium=Allocation(
                str(section[PolicySection.STRATEGY].get("allocation", Allocation.CAPACITY))
            ).risk_premium,
            eviction_cost_usd=_number(section, PolicySection.BINPACK, "eviction_cost_usd", usual.eviction_cost_usd),
            payback_h=_number(section, PolicySection.BINPACK, "payback_h", usual.payback_h),
            min_saving_share=usual.min_saving_share * ease,
            node_min_saving_share=usual.node_min_saving_share * ease,
            max_concurrent_actions=max_concurrent_actions,
            allow_burstable=constraints.get("allow_burstable", usual.allow_burstable) is True,
            allow_bare_metal=constraints.get("allow_bare_metal", usual.allow_bare_metal) is True,
        )
    except ValueError as err:
        raise InputError(f"policy of cluster {policy.cluster_id}", "constraints", str(err)) from err


def cluster_settings(policy: ClusterPolicy, config: Mapping[str, str], *, max_snapshot_age_s: float) -> ClusterSettings:
    """How the state machine treats the cluster; ``config`` is what admins have set for all.

    Raises
    ------
    InputError
        When a value cannot be meant.
    """
    strategy = policy.sections[PolicySection.STRATEGY]
    try:
        whole: dict[str, Any] = {field: int(config[key]) for key, field in _CONFIG.items() if key in config}
        own = policy.sections[PolicySection.CONSTRAINTS].get("max_concurrent_actions")
        if own is not None:
            usual = whole.get("max_concurrent_actions", ClusterSettings().max_concurrent_actions)
            whole["max_concurrent_actions"] = min(usual, int(str(own)))
        return ClusterSettings(
            mode=Mode(str(strategy.get("mode", Mode.RECOMMEND))),
            rebalance=RebalancePolicy(str(strategy.get("rebalance", RebalancePolicy.IGNORE))),
            max_snapshot_age_s=int(max_snapshot_age_s),
            interruption_cost_h=_number(
                policy.sections, PolicySection.FALLBACK, "interruption_cost_h", ClusterSettings().interruption_cost_h
            ),
            **whole,
        )
    except ValueError as err:
        raise InputError(f"policy of cluster {policy.cluster_id}", "strategy", str(err)) from err


def advising(policy: ClusterPolicy) -> Advising:
    """What advice on requests the owner of a cluster wants.

    Raises
    ------
    InputError
        When the buffer is no number.
    """
    percent = _number(policy.sections, PolicySection.BUFFER, "percent", 100 * Advising().buffer_share)
    return Advising(
        wanted=policy.sections[PolicySection.RIGHTSIZE].get("mode") != ADVICE_OFF, buffer_share=percent / 100
    )


def why_not_to_act(record: Cluster, *, karpenter: bool, node_pools: int) -> str:
    """Why no plan can be carried out in a cluster, empty where one can.

    Parameters
    ----------
    karpenter
        Karpenter is to launch.
    node_pools
        NodePools that the agent sees: one that sees them may change them, since one value of its chart grants both.
    """
    if record.account_id is None:
        return "no AWS account is linked to the cluster"
    if karpenter and not node_pools:
        return "Karpenter is switched on, and the agent sees no NodePool (karpenter.enabled in the values of its chart)"
    return ""


def launches_by_karpenter(policy: ClusterPolicy) -> bool:
    """Whether Karpenter is to launch, by the customer's policy."""
    return bool(policy.sections[PolicySection.KARPENTER].get("enabled"))


def decision_limits(policy: Policy, settings: ClusterSettings) -> DecisionPolicy:
    """Limits of decisions. Where a person decides on each plan, that person is what keeps a cluster from flapping."""
    automatic = settings.mode is Mode.AUTOMATIC
    return DecisionPolicy(
        base=policy,
        cooldown_s=settings.cooldown_s,
        window_share=DecisionPolicy().window_share if automatic else 1.0,
        window_nodes=settings.max_concurrent_actions,
        max_age_s=settings.max_snapshot_age_s,
        interruption_cost_h=settings.interruption_cost_h,
    )


def _capacity(sections: Mapping[PolicySection, Mapping[str, Any]]) -> Capacity:
    """Spot with on-demand to fall back upon, unless the customer wants one of them alone."""
    chosen = sections[PolicySection.STRATEGY].get("capacity")
    if chosen is not None:
        return Capacity(str(chosen))
    usual = DEFAULT_POLICY[PolicySection.FALLBACK]["on_demand"]
    falls_back = sections[PolicySection.FALLBACK].get("on_demand", usual)
    return Capacity.MIXED if falls_back else Capacity.SPOT


def _names(section: Mapping[str, Any], field: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
    value = section.get(field, default)
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
        raise ValueError(f"{field} must be a list of names")
    return tuple(value)


def _number(
    sections: Mapping[PolicySection, Mapping[str, Any]], section: PolicySection, field: str, default: float
) -> float:
    value = sections[section].get(field, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError("policy", f"{section}.{field}", f"must be a number, not {value!r}")
    return float(value)
