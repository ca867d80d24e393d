"""Planning in a test: quickly, always checked."""

from dataclasses import replace

from domain.market import Catalog
from domain.plan import Action, ActionKind, KeptNode, Plan, PlannedNode, Unschedulable
from domain.policy import Policy
from domain.snapshot import Snapshot
from solvers.checker import check_plan
from solvers.placement import Settings, as_from_scratch, plan_cluster, with_prices
from tests.builders import make_catalog

EAGER = Policy(risk_premium=0.0, eviction_cost_usd=0.0, min_saving_share=0.0, node_min_saving_share=0.0)
"""Moves whatever saves anything."""


def planned(
    snapshot: Snapshot,
    *,
    catalog: Catalog | None = None,
    policy: Policy = EAGER,
    from_scratch: bool = False,
    seed: int = 0,
) -> Plan:
    """A plan, after the checker has found nothing wrong with it. Time stands still: work ends the search."""
    catalog = make_catalog() if catalog is None else catalog
    effort = Settings(seed=seed, time_limit_s=10.0, work_limit=30, from_scratch=from_scratch)
    plan = plan_cluster(snapshot, catalog=catalog, policy=policy, settings=effort, clock=lambda: 0.0)
    used = with_prices(as_from_scratch(snapshot) if from_scratch else snapshot, catalog)
    violations = check_plan(used, catalog=catalog, policy=policy, plan=plan)
    assert [violation.text for violation in violations] == []
    return plan


def of_kind(plan: Plan, kind: ActionKind) -> list[Action]:
    return [action for action in plan.actions if action.kind is kind]


def step_of(plan: Plan, kind: ActionKind, *, node: str = "", pod: str = "") -> int:
    """The step of the one action of a kind on a node or pod."""
    (action,) = [a for a in of_kind(plan, kind) if node in ("", a.node) and pod in ("", a.pod)]
    return action.step


def home(plan: Plan, pod: str) -> PlannedNode:
    """The planned node that a pod is on."""
    (node,) = [node for node in plan.nodes if pod in node.pods]
    return node


def kept(plan: Plan, node: str) -> KeptNode:
    (entry,) = [entry for entry in plan.kept if entry.node == node]
    return entry


def nowhere(plan: Plan, pod: str) -> Unschedulable:
    (entry,) = [entry for entry in plan.unschedulable if entry.pod == pod]
    return entry


def without_time(plan: Plan) -> Plan:
    return replace(plan, seconds=0.0, trace=())
