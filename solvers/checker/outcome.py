"""Whether a plan ends where it says: nodes, pods, what is kept, what fits nowhere."""

from collections import Counter

from domain.node import Node
from domain.plan import Plan, PlannedNode
from domain.snapshot import Snapshot
from domain.workload import Pod
from solvers.checker.census import Kind
from solvers.checker.ledger import Ledger
from solvers.checker.replay import Replay
from solvers.checker.scheduler import fits
from solvers.checker.violation import Rule

_FACTS = (
    "instance_type",
    "zone",
    "capacity_type",
    "template",
    "price_usd_per_h",
    "interruption_per_month",
    "allocatable",
    "taints",
)


def judge_outcome(snapshot: Snapshot, *, plan: Plan, replay: Replay, ledger: Ledger) -> None:
    """Compare the state after the replay with what the plan promises."""
    _nodes(snapshot, plan=plan, replay=replay, ledger=ledger)
    _pods_of_nodes(snapshot, plan=plan, replay=replay, ledger=ledger)
    _each_pod_once(snapshot, plan=plan, ledger=ledger)
    _kept(snapshot, plan=plan, replay=replay, ledger=ledger)
    _unschedulable(snapshot, plan=plan, replay=replay, ledger=ledger)


def _nodes(snapshot: Snapshot, *, plan: Plan, replay: Replay, ledger: Ledger) -> None:
    running = {node.name: node for node in snapshot.nodes}
    for name, times in Counter(node.name for node in plan.nodes).items():
        if times > 1:
            ledger.note(Rule.FINAL_NODES, name, text=f"planned node {name} appears {times} times")
    for name in replay.cluster.sites.keys() - {node.name for node in plan.nodes}:
        ledger.note(Rule.FINAL_NODES, name, text=f"node {name} is there in the end but not among the planned nodes")
    for node in plan.nodes:
        if node.existing and node.name not in running:
            ledger.note(Rule.FINAL_NODES, node.name, text=f"node {node.name} is said to exist but does not run")
        elif node.existing and node.name in replay.terminated:
            ledger.note(Rule.FINAL_NODES, node.name, text=f"node {node.name} is planned and terminated")
        elif node.existing:
            _same_facts(node, running[node.name], ledger=ledger)


def _same_facts(planned: PlannedNode, node: Node, *, ledger: Ledger) -> None:
    wrong = [fact for fact in _FACTS if getattr(planned, fact) != getattr(node, fact)]
    wrong += ["labels"] if dict(planned.labels) != dict(node.labels) else []
    if wrong:
        text = f"planned node {node.name} differs from the running one in {', '.join(wrong)}"
        ledger.note(Rule.FINAL_FACTS, node.name, text=text)


def _pods_of_nodes(snapshot: Snapshot, *, plan: Plan, replay: Replay, ledger: Ledger) -> None:
    known = {pod.key for pod in snapshot.pods}
    for node in plan.nodes:
        site = replay.cluster.sites.get(node.name)
        there = {key for key in site.pods if key in known} if site is not None else set()
        for key in sorted(there ^ set(node.pods)):
            only = "is there in the end but not planned" if key in there else "is planned but not there in the end"
            ledger.note(Rule.FINAL_PODS, key, text=f"pod {key} on node {node.name} {only}")


def _each_pod_once(snapshot: Snapshot, *, plan: Plan, ledger: Ledger) -> None:
    named = Counter(key for node in plan.nodes for key in node.pods)
    named.update(pod.pod for pod in plan.unschedulable)
    for pod in snapshot.pods:
        times = named.pop(pod.key, 0)
        if times == 0 and not (pod.is_daemon or pod.is_mirror):
            text = f"pod {pod.key} is on no planned node and not among the unschedulable"
            ledger.note(Rule.POD_LOST, pod.key, text=text)
        if times > 1:
            ledger.note(Rule.POD_TWICE, pod.key, text=f"pod {pod.key} appears {times} times in the plan")
    for key in named:
        ledger.note(Rule.FINAL_PODS, key, text=f"pod {key} is in the plan but not in the snapshot")


def _kept(snapshot: Snapshot, *, plan: Plan, replay: Replay, ledger: Ledger) -> None:
    kept = Counter(entry.node for entry in plan.kept)
    for node in snapshot.nodes:
        gone = node.name in replay.terminated
        if kept.pop(node.name, 0) + gone != 1:
            text = f"node {node.name} must be either kept, once, or terminated"
            ledger.note(Rule.KEPT, node.name, text=text)
    for name in kept:
        ledger.note(Rule.KEPT, name, text=f"node {name} is kept but does not run")
    for entry in plan.kept:
        if not (entry.reason.code and entry.reason.text):
            ledger.note(Rule.REASON, entry.node, text=f"node {entry.node} is kept without a reason")


def _unschedulable(snapshot: Snapshot, *, plan: Plan, replay: Replay, ledger: Ledger) -> None:
    pods = {pod.key: pod for pod in snapshot.pods}
    seen: set[Kind] = set()
    for entry in plan.unschedulable:
        pod = pods.get(entry.pod)
        if not entry.constraint:
            ledger.note(Rule.REASON, entry.pod, text=f"pod {entry.pod} is unschedulable without a binding constraint")
        if pod is None or pod.node_name:
            continue
        kind = replay.cluster.census.kind(pod)
        room = None if kind in seen else _room_for(pod, replay)
        seen.add(kind)
        if room is not None:
            text = f"pod {pod.key} is said to fit nowhere but fits on node {room} ({Rule.SCHEDULABLE})"
            ledger.note(Rule.SCHEDULABLE, pod.key, text=text)


def _room_for(pod: Pod, replay: Replay) -> str | None:
    sites = replay.cluster.sites.values()
    return next((site.name for site in sites if fits(replay.cluster, pod, site=site)), None)
