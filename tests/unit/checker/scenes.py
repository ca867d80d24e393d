"""Scenes for the checker's tests: a snapshot with a plan that is good until a test breaks it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from domain.market import Catalog
from domain.node import Node
from domain.plan import Action, Plan, PlannedNode
from domain.policy import Policy
from domain.snapshot import Snapshot
from domain.workload import Pod
from solvers.checker import Rule, Violation, check_plan
from tests.builders import (
    cordon,
    evict,
    launch,
    make_catalog,
    make_node,
    make_plan,
    make_pod,
    make_snapshot,
    planned_launch,
    terminate,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """All that the checker takes."""

    snapshot: Snapshot
    plan: Plan
    policy: Policy = field(default_factory=Policy)
    catalog: Catalog = field(default_factory=make_catalog)

    def violations(self) -> tuple[Violation, ...]:
        return check_plan(self.snapshot, catalog=self.catalog, policy=self.policy, plan=self.plan)

    def rules(self) -> set[Rule]:
        return {violation.rule for violation in self.violations()}

    def with_plan(self, change: Callable[[Plan], Plan]) -> "Scene":
        return replace(self, plan=change(self.plan))


def moved(
    *pods: Pod, onto: Node, others: Sequence[Pod] = (), nodes: Sequence[Node] = (), old: Node | None = None
) -> Scene:
    """Pods of node ``old`` are moved to a running node in one step, then ``old`` goes."""
    leaving = make_node("old") if old is None else old
    running = [replace(pod, node_name="old") for pod in pods]
    snapshot = make_snapshot([leaving, onto, *nodes], [*running, *others])
    moves = [evict(1, pod, target=onto.name) for pod in running]
    return Scene(snapshot=snapshot, plan=make_plan(snapshot, [cordon(1, "old"), *moves, terminate(2, "old")]))


def scheduled(*pods: Pod, onto: Sequence[PlannedNode], at: Sequence[str] = ()) -> Scene:
    """From scratch: nodes are launched, pending pods placed on them; ``at`` names each pod's node, else the first."""
    snapshot = make_snapshot([], pods)
    homes = at or [onto[0].name] * len(pods)
    placed = {pod.key: home for pod, home in zip(pods, homes, strict=True)}
    actions = [launch(1, node.name) for node in onto]
    return Scene(snapshot=snapshot, plan=make_plan(snapshot, actions, new=onto, placed=placed))


def replaced(pods: Sequence[Pod] = (), *, new: PlannedNode | None = None, old: Node | None = None) -> Scene:
    """Node ``old`` with its pods is replaced by a launched node; node ``stays`` is left alone."""
    leaving = make_node("old") if old is None else old
    launched = planned_launch("new-1") if new is None else new
    running = list(pods) or [make_pod("a", on="old"), make_pod("b", on="old")]
    snapshot = make_snapshot([leaving, make_node("stays")], running)
    return Scene(snapshot=snapshot, plan=make_plan(snapshot, replacement(running, launched), new=[launched]))


def replacement(pods: Sequence[Pod], new: PlannedNode) -> list[Action]:
    """Launch, cordon and drain, terminate."""
    moves = [evict(2, pod, target=new.name) for pod in pods if pod.node_name == "old"]
    return [launch(1, new.name), cordon(2, "old"), *moves, terminate(3, "old")]
