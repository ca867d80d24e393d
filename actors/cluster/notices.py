"""What the agent reports: nodes that go, pods without a place, containers without memory."""

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from actors.cluster.execution import abort
from actors.cluster.planning import want
from actors.cluster.records import EarlyNotice, Going, NodeFacts, PendingPods, RebalancePolicy, later
from actors.cluster.turn import Turn
from domain.commands import (
    AgentActionKind,
    EvidenceKind,
    Outcome,
    Priority,
    RecomputeRequests,
    ReportEvidence,
    WithdrawActions,
)
from domain.events import (
    AgentEvent,
    NodeNotReady,
    OomKilled,
    PodPending,
    RebalanceRecommendation,
    SpotInterruption,
)
from domain.market import Pool
from domain.signing import wire_time

if TYPE_CHECKING:
    from actors.cluster.state import ClusterState

MAX_EARLY = 100
"""Notices kept for instances that may yet turn up as nodes. An account's queue carries other clusters' notices too."""

MAX_UNSEEN = 100
"""Nodes that no snapshot has shown and that go all the same, by the agent's word. One that names more is broken."""

_WHY = {
    EvidenceKind.INTERRUPTION: "AWS takes it",
    EvidenceKind.REBALANCE: "AWS recommends to leave it",
    EvidenceKind.NOT_READY: "it is a Spot node and stopped being ready",
}


def on_agent_event(turn: Turn, event: AgentEvent) -> None:
    """Handle one event that is neither a duplicate nor stale."""
    match event:
        case SpotInterruption():
            _on_interruption(turn, event)
        case RebalanceRecommendation():
            _on_rebalance(turn, event)
        case NodeNotReady():
            _on_not_ready(turn, event)
        case PodPending():
            _on_pending(turn, event)
        case OomKilled():
            _on_oom(turn, event)


def evidence_of(state: "ClusterState", event: SpotInterruption, *, now: datetime) -> ReportEvidence:
    """What a notice says of its pool. The registry counts it once, whether it hears it before the turn or from it.

    The pool is ``known`` when the node was, from before the notice: a pool is everybody's, so no agent's word counts.
    """
    seen = next((node.pool for node in state.nodes.values() if node.instance_id == event.instance_id), None)
    return ReportEvidence(
        cause=event.id,
        pool=seen or event.pool,
        kind=EvidenceKind.INTERRUPTION,
        instance_id=event.instance_id,
        known=seen is not None,
        at=now,
    )


def on_nodes_seen(turn: Turn) -> None:
    """A new snapshot: nodes that have gone are forgotten, and early notices meet their nodes."""
    state = turn.state
    for name, going in list(state.going.items()):
        seen = state.nodes.get(name)
        replaced = seen is not None and seen.instance_id != going.instance_id and bool(going.instance_id)
        if replaced or (seen is None and _has_had_time(turn, going)):
            del state.going[name]
            turn.note(f"node {name} has gone")
            _withdraw(turn, name)
    if not state.early:
        return
    by_instance = {node.instance_id: node for node in state.nodes.values() if node.instance_id}
    for instance_id, notice in list(state.early.items()):
        if instance_id in by_instance:
            del state.early[instance_id]
            with turn.because(notice.cause):
                _retire(turn, by_instance[instance_id], kind=EvidenceKind.INTERRUPTION, deadline=notice.deadline)


def act_on_going(turn: Turn) -> None:
    """Do what safe mode has kept from being done, where there is still time."""
    for name, going in list(turn.state.going.items()):
        if not going.acted:
            with turn.because(going.cause):
                turn.state.going[name] = _act(turn, going)


def _withdraw(turn: Turn, node: str) -> None:
    """What was asked for a node that has gone must not meet another node of its name."""
    moot = tuple(command.action_id for command in turn.state.in_flight.values() if command.payload.get("node") == node)
    if moot:
        turn.emit(WithdrawActions(cause=turn.cause, action_ids=moot, reason=f"node {node} has gone"))
    for action_id in moot:
        del turn.state.in_flight[action_id]


def _has_had_time(turn: Turn, going: Going) -> bool:
    """A node that was never in a snapshot may still turn up while its notice runs."""
    observed = turn.state.snapshot_at
    return observed is not None and observed > (going.deadline or going.at)


def _on_interruption(turn: Turn, event: SpotInterruption) -> None:
    evidence = evidence_of(turn.state, event, now=turn.event.at)
    turn.emit(evidence)
    text = f"Global Risk: {evidence.pool.instance_type} in {evidence.pool.zone_id} flagged"
    turn.audit("pool_flagged", text, resource=str(evidence.pool), outcome=Outcome.SUCCESS)
    node, _ = _find(turn, event.instance_id, name=event.node, pool=event.pool)
    if node is None:
        _remember_early(turn, event)
        return
    _retire(turn, node, kind=EvidenceKind.INTERRUPTION, deadline=event.terminate_at)


def _on_rebalance(turn: Turn, event: RebalanceRecommendation) -> None:
    node, known = _find(turn, event.instance_id, name=event.node, pool=event.pool)
    pool = node.pool if known and node is not None and node.pool is not None else event.pool
    _report(turn, pool, kind=EvidenceKind.REBALANCE, instance_id=event.instance_id, known=known)
    refusal = _why_not_rebalance(turn, node)
    if node is None or refusal:
        turn.audit(
            "rebalance_recommendation",
            f"rebalance recommendation for {event.instance_id}: only the risk of {pool} is raised, {refusal}",
            resource=event.node or event.instance_id,
            outcome=Outcome.REFUSED,
        )
        return
    _retire(turn, node, kind=EvidenceKind.REBALANCE, deadline=None)


def _why_not_rebalance(turn: Turn, node: NodeFacts | None) -> str:
    state = turn.state
    if node is None:
        return "the instance is no node of this cluster"
    if node.name in state.going:
        return "the node goes already"
    if state.settings.rebalance is RebalancePolicy.IGNORE:
        return "the policy says so"
    if node.self_replacing:
        return "the node's EKS group replaces it by itself"
    going = sum(one.kind is EvidenceKind.REBALANCE for one in state.going.values())
    if going >= state.settings.max_concurrent_actions:
        return f"{going} nodes go for this reason already"
    return ""


def _on_not_ready(turn: Turn, event: NodeNotReady) -> None:
    node = turn.state.nodes.get(event.node)
    if node is not None and node.cordoned:
        # AWS gives notice of what it takes; this one was emptied by somebody, and its end tells nothing of a pool.
        turn.note(f"node {node.name} is not ready: it was cordoned before, so somebody takes it away")
        return
    if node is None or not node.spot:
        kind = "no node that is known" if node is None else "an on-demand node"
        text = f"node {event.node} is not ready ({event.reason or 'no reason given'}): {kind}, to be looked into"
        turn.audit("node_not_ready", text, resource=event.node, outcome=Outcome.FAILURE)
        turn.tell("node_not_ready", {"node": event.node})
        return
    if node.pool is not None:
        _report(turn, node.pool, kind=EvidenceKind.NOT_READY, instance_id=node.instance_id or node.name, known=True)
    _retire(turn, node, kind=EvidenceKind.NOT_READY, deadline=None)


def _on_pending(turn: Turn, event: PodPending) -> None:
    state, pod = turn.state, f"{event.namespace}/{event.pod}"
    if not event.lacks_capacity:
        turn.note(f"pod {pod} is pending, but no further node would help: {event.reason or event.message}")
        return
    if state.pending is None:
        state.pending = PendingPods(since=turn.now, cause=event.id)
    turn.note(f"pod {pod} is pending for want of capacity")


def _on_oom(turn: Turn, event: OomKilled) -> None:
    owner = str(event.owner) if event.owner else ""
    workload = f"{event.namespace}/{owner or event.pod}"
    turn.emit(
        RecomputeRequests(
            cause=turn.cause,
            namespace=event.namespace,
            owner=owner,
            pod=event.pod,
            container=event.container,
            limit_bytes=event.limit_bytes,
        )
    )
    text = f"container {event.container} of {workload} was killed for want of memory; its requests are looked at anew"
    turn.audit("oom_killed", text, resource=workload, outcome=Outcome.SUCCESS)
    turn.tell("oom_killed", {"workload": workload, "container": event.container})


def _find(turn: Turn, instance_id: str, *, name: str, pool: Pool) -> tuple[NodeFacts | None, bool]:
    """The node an instance is, and whether the service knows it, and the pool it runs in, from before the notice.

    A node that only the notice names is taken at the agent's word: it can name nodes of its own cluster only. A pool is
    not: it is everybody's.
    """
    nodes = turn.state.nodes
    node = next((node for node in nodes.values() if node.instance_id == instance_id), None)
    if node is not None:
        return node, node.pool is not None
    same_name = nodes.get(name)
    if same_name is not None and same_name.instance_id:
        return None, False
    if name not in turn.state.going and len(turn.state.going.keys() - nodes.keys()) >= MAX_UNSEEN:
        return None, False
    return (NodeFacts(name=name, instance_id=instance_id, pool=pool, spot=True) if name else None), False


def _report(turn: Turn, pool: Pool, *, kind: EvidenceKind, instance_id: str, known: bool) -> None:
    turn.emit(
        ReportEvidence(cause=turn.cause, pool=pool, kind=kind, instance_id=instance_id, known=known, at=turn.event.at)
    )


def _remember_early(turn: Turn, event: SpotInterruption) -> None:
    early = turn.state.early
    if event.instance_id in early:
        turn.note(f"instance {event.instance_id} goes already")
        return
    while len(early) >= MAX_EARLY:
        del early[next(iter(early))]
    early[event.instance_id] = EarlyNotice(
        instance_id=event.instance_id, cause=turn.cause, at=turn.event.at, deadline=event.terminate_at
    )
    turn.note(f"instance {event.instance_id} is no node of this cluster so far")


def _retire(turn: Turn, node: NodeFacts, *, kind: EvidenceKind, deadline: datetime | None) -> None:
    """A node goes: act at once, then have its replacement planned. A second notice does nothing twice."""
    state = turn.state
    before = state.going.get(node.name)
    if before is not None and (before.drained or kind is EvidenceKind.REBALANCE or before.kind is kind):
        turn.note(f"node {node.name} goes already")
        return
    replace_it = kind is not EvidenceKind.REBALANCE or state.settings.rebalance is RebalancePolicy.REPLACE
    going = Going(
        node=node.name,
        instance_id=node.instance_id,
        cause=turn.cause,
        kind=kind,
        at=turn.event.at,
        deadline=deadline,
        replace=replace_it,
        acted=before is not None and before.acted,
    )
    turn.note(f"node {node.name} goes: {_WHY[kind]}")
    state.going[node.name] = _act(turn, going)
    turn.tell("node_going", {"node": node.name, "why": str(kind)})
    if before is None:  # a plan that was made for a node that goes brings its replacement
        abort(turn, f"node {node.name} goes: {_WHY[kind]}", touching=(node.name,))
    if replace_it:
        priority = Priority.PENDING if kind is EvidenceKind.REBALANCE else Priority.INTERRUPTION
        want(turn, priority, f"replacement of node {node.name}: {_WHY[kind]}")


def _act(turn: Turn, going: Going) -> Going:
    """Cordon, and drain what does not wait for its replacement. What is over by now is left alone."""
    if going.deadline is not None and going.deadline <= turn.now:
        turn.note(f"node {going.node} has ended by now: nothing to cordon or to drain")
        return going
    reason = _WHY[going.kind]
    until = going.deadline or later(turn.now, turn.state.settings.action_lifetime_s)
    node = {"node": going.node, "instance_id": going.instance_id}
    done = turn.queue(AgentActionKind.CORDON, node, reason=reason, expires_at=until)
    if going.kind is EvidenceKind.REBALANCE:
        return replace(going, acted=done)
    end = {"deadline_at": wire_time(going.deadline)} if going.deadline else {}
    done = turn.queue(AgentActionKind.DRAIN, node | end, reason=reason, expires_at=until)
    return replace(going, acted=done, drained=done)
