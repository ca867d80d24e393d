"""The planner on random clusters: whatever it is given, its plans pass the checker and its bound holds.

``HYPOTHESIS_PROFILE=thorough`` tries thousands of clusters instead of the few of an ordinary run.
"""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.market import CapacityType
from domain.node import labels_of_launched_node
from domain.plan import ActionKind, Plan, PlannedNode
from domain.policy import Policy
from domain.workload import Pod
from solvers.checker import check_plan
from solvers.checker.match import selects
from solvers.placement import Settings, as_from_scratch, plan_cluster, with_prices
from tests.builders import (
    ZONES,
    launch,
    make_catalog,
    make_offering,
    make_plan,
    make_pod,
    make_pod_term,
    make_selector,
    make_snapshot,
    make_spread,
    make_type,
)
from tests.strategies import Case, clusters
from tests.unit.checker.recount import admits
from tests.unit.placement.brute_force import cheapest_fleet_usd_per_h

EFFORT = Settings(seed=0, time_limit_s=10.0, work_limit=200, from_scratch=False)
"""Enough for clusters as small as these; the work limit, not the clock, ends the search, so that it can be repeated."""
FROM_SCRATCH = replace(EFFORT, from_scratch=True)
EFFORTS = st.sampled_from((EFFORT, FROM_SCRATCH))
TINY_TYPES = (make_type("m5.large", 2, gib=8), make_type("m5.xlarge", 4, gib=16), make_type("c5.xlarge", 4, gib=8))
FEW = settings(max_examples=max(25, settings().max_examples // 4))
"""A plan costs more than other examples do."""


def planned(case: Case, effort: Settings = EFFORT) -> Plan:
    return plan_cluster(case.snapshot, catalog=case.catalog, policy=case.policy, settings=effort, clock=time.monotonic)


def told(case: Case, plan: Plan) -> list[str]:
    """What the checker says."""
    violations = check_plan(case.snapshot, catalog=case.catalog, policy=case.policy, plan=plan)
    return [f"step {violation.step}: {violation.text}" for violation in violations]


def priced(case: Case) -> Case:
    """The case that a plan stands for: the planner joins the prices of what runs from the catalogue."""
    return replace(case, snapshot=with_prices(case.snapshot, case.catalog))


@FEW
@given(case=clusters(admit=admits))
def test_a_plan_from_what_runs_passes_the_checker(case: Case) -> None:
    assert told(priced(case), planned(case)) == []


@FEW
@given(case=clusters())
def test_a_plan_passes_the_checker_though_running_pods_break_rules_already(case: Case) -> None:
    assert told(priced(case), planned(case)) == []


@FEW
@given(case=clusters())
def test_a_plan_from_scratch_passes_the_checker_and_keeps_its_bound(case: Case) -> None:
    plan = planned(case, FROM_SCRATCH)
    assert told(replace(case, snapshot=as_from_scratch(case.snapshot)), plan) == []
    assert plan.unschedulable or plan.lower_bound_usd_per_h <= plan.planned_cost_usd_per_h + 1e-6


@FEW
@given(case=clusters(admit=admits), effort=EFFORTS)
def test_the_same_seed_and_work_limit_give_the_same_plan(case: Case, effort: Settings) -> None:
    first, second = (replace(planned(case, effort), seconds=0.0, trace=()) for _ in range(2))
    assert first == second


@FEW
@given(case=clusters(admit=admits))
def test_no_budget_is_overdrawn_at_any_step(case: Case) -> None:
    plan, pods = planned(case), {pod.key: pod for pod in case.snapshot.pods}
    for budget in case.snapshot.budgets:
        covered = {key for key, pod in pods.items() if pod.namespace == budget.namespace}
        covered = {key for key in covered if selects(budget.selector, pods[key].labels)}
        evictions = [a.step for a in plan.actions if a.kind is ActionKind.EVICT and a.pod in covered]
        assert max(Counter(evictions).values(), default=0) <= budget.disruptions_allowed


@FEW
@given(case=clusters(admit=admits), effort=EFFORTS)
def test_nothing_is_lost(case: Case, effort: Settings) -> None:
    plan = planned(case, effort)
    bound_to_nodes = {pod.key for pod in case.snapshot.pods if pod.is_daemon or pod.is_mirror}
    wanted = [pod.key for pod in case.snapshot.pods if pod.key not in bound_to_nodes]
    named = [key for node in plan.nodes for key in node.pods] + [entry.pod for entry in plan.unschedulable]
    assert sorted(key for key in named if key not in bound_to_nodes) == sorted(wanted)


@FEW
@given(case=clusters(admit=admits), effort=EFFORTS)
def test_a_pod_called_unschedulable_fits_no_node_that_may_be_launched(case: Case, effort: Settings) -> None:
    free = replace(case, policy=replace(case.policy, max_pool_share=1.0, max_loss_probability=1.0))
    plan = planned(free, effort)
    pods = {pod.key: pod for pod in case.snapshot.pods}
    nowhere = [pods[entry.pod] for entry in plan.unschedulable]
    alone = [pod for pod in nowhere if not (pod.spread or pod.affinity or pod.anti_affinity)]
    assert [(pod.key, node.instance_type) for pod in alone for node in fitting_launches(free, pod)] == []


def fitting_launches(case: Case, pod: Pod) -> Iterator[PlannedNode]:
    """Nodes that may be launched and would take the pod, were it the only one of the cluster."""
    waiting = replace(pod, node_name="")
    lonely = replace(case, snapshot=replace(case.snapshot, nodes=(), pods=(waiting,)))
    for node in possible_launches(case):
        plan = make_plan(lonely.snapshot, [launch(1, node.name)], new=[node], placed={pod.key: node.name})
        if not told(lonely, plan):
            yield node


def possible_launches(case: Case) -> Iterator[PlannedNode]:
    for template in case.snapshot.templates:
        for offering in case.catalog.offerings:
            kind = case.catalog.types[offering.pool.instance_type]
            yield PlannedNode(
                name="new-1",
                existing=False,
                instance_type=kind.name,
                zone=offering.zone,
                capacity_type=offering.capacity_type,
                template=template.name,
                price_usd_per_h=offering.price_usd_per_h,
                interruption_per_month=offering.interruption_per_month,
                allocatable=kind.allocatable,
                labels=labels_of_launched_node(
                    template,
                    instance_type=kind,
                    zone=offering.zone,
                    region=case.catalog.region,
                    capacity_type=offering.capacity_type,
                ),
                taints=template.taints,
                pods=(),
            )


def tiny(seed: int) -> Case:
    """Up to six pods of two workloads and four offerings, with or without anti-affinity and spread."""
    rng = Random(seed)
    zones = ZONES[: rng.randint(1, 2)]
    choices = [(kind, zone, rng.random() < 0.5) for kind in TINY_TYPES for zone in zones]
    offerings = [
        make_offering(kind, zone, spot=spot, price=round(0.05 * kind.vcpu * rng.uniform(0.7, 1.3), 4), interruption=0.0)
        for kind, zone, spot in rng.sample(choices, min(len(choices), rng.randint(1, 4)))
    ]
    pods = [pod for app in ("api", "db") for pod in _replicas(rng, app)][:6]
    catalog = make_catalog(TINY_TYPES, zones=zones, offerings=offerings)
    return Case(snapshot=make_snapshot([], pods, zones=zones), catalog=catalog, policy=Policy(risk_premium=0.0))


def _replicas(rng: Random, app: str) -> list[Pod]:
    selector = make_selector(app=app)
    apart, spread = rng.random() < 0.4, rng.random() < 0.4
    return [
        make_pod(
            f"{app}-{i}",
            rng.choice((0.3, 0.7, 1.0, 1.3, 2.0)),
            gib=rng.choice((0.5, 2.0, 3.0, 5.0, 8.0)),
            labels={"app": app},
            anti_affinity=[make_pod_term(selector)] if apart else (),
            spread=[make_spread(selector)] if spread else (),
        )
        for i in range(rng.randint(1, 4))
    ]


def bound_optimum_cost(case: Case) -> tuple[float, float, float]:
    plan = planned(case, FROM_SCRATCH)
    assert not plan.unschedulable
    optimum = cheapest_fleet_usd_per_h(case.snapshot, catalog=case.catalog)
    assert optimum is not None
    return plan.lower_bound_usd_per_h, optimum, plan.planned_cost_usd_per_h


@FEW
@given(seed=st.integers(0, 1_000_000))
def test_the_optimum_of_a_tiny_cluster_lies_between_bound_and_cost(seed: int) -> None:
    bound, optimum, cost = bound_optimum_cost(tiny(seed))
    assert bound <= optimum + 1e-6
    assert optimum <= cost + 1e-6


def test_the_planner_finds_the_optimum_of_nearly_every_tiny_cluster() -> None:
    """Against the cheapest fleet that spreads pods over all zones on offer, as the planner does where it can."""
    cases = [tiny(seed) for seed in range(40)]
    costs = [planned(case, FROM_SCRATCH).planned_cost_usd_per_h for case in cases]
    optima = [cheapest_fleet_usd_per_h(case.snapshot, catalog=case.catalog, every_zone=True) for case in cases]
    hits = sum(optimum is None or cost <= optimum + 1e-6 for cost, optimum in zip(costs, optima, strict=True))
    assert hits >= 0.95 * len(cases)


@pytest.mark.parametrize("capacity", list(CapacityType))
def test_brute_force_takes_the_cheapest_that_fits(capacity: CapacityType) -> None:
    """Two pods of one CPU share the node of two CPUs; with anti-affinity each takes its own."""
    offerings = [make_offering(TINY_TYPES[0], spot=capacity is CapacityType.SPOT, price=0.1)]
    catalog = make_catalog(TINY_TYPES, offerings=offerings)
    together = [make_pod(name, 1.0) for name in "ab"]
    apart = [make_pod(name, 1.0, anti_affinity=[make_pod_term(make_selector(app="web"))]) for name in "ab"]
    assert cheapest_fleet_usd_per_h(make_snapshot([], together), catalog=catalog) == 0.1
    assert cheapest_fleet_usd_per_h(make_snapshot([], apart), catalog=catalog) == 0.2
    assert cheapest_fleet_usd_per_h(make_snapshot([], [make_pod(cpu=3.0)]), catalog=catalog) is None
