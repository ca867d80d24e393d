"""What must hold between any two events of a cluster."""

from typing import TYPE_CHECKING

from domain.commands import AgentActionKind
from domain.errors import InvariantError

if TYPE_CHECKING:
    from actors.cluster.state import ClusterState


def check(state: "ClusterState") -> None:
    """Check all invariants.

    Raises
    ------
    InvariantError
        Naming the first that does not hold.
    """
    for problem in (*_of_actions(state), *_of_plans(state), *_of_nodes(state)):
        raise InvariantError(f"cluster {state.cluster}: {problem}")


def _of_actions(state: "ClusterState") -> list[str]:
    problems: list[str] = []
    drains: set[str] = set()
    for id_, command in state.in_flight.items():
        if id_ != command.action_id:
            problems.append(f"action {command.action_id} is kept as {id_}")
        if state.safe_mode:
            problems.append(f"action {id_} is queued in safe mode")
        if command.kind is AgentActionKind.DRAIN:
            node = command.payload["node"]
            if node in drains:
                problems.append(f"node {node} is drained twice at once")
            drains.add(node)
        if not command.expires_at.tzinfo:
            problems.append(f"action {id_} expires at a time without a zone")
    return problems


def _of_plans(state: "ClusterState") -> list[str]:
    problems: list[str] = []
    asked = state.asked
    for saga, run in state.executions.items():
        if saga != run.saga:
            problems.append(f"saga {run.saga} is kept as {saga}")
        if state.accepted is None or run.brief.generation > state.accepted:
            problems.append(f"plan {run.brief.generation} is carried out without having been accepted")
    touched = [one.node for run in state.executions.values() for one in run.brief.removes]
    if len(set(touched)) < len(touched):
        problems.append("a node is removed by two plans at once")
    if asked is not None and asked.generation != state.last_generation:
        problems.append(f"plan {asked.generation} is asked for after plan {state.last_generation}")
    if state.accepted is not None and state.accepted > state.last_generation:
        problems.append(f"plan {state.accepted} was accepted before it was asked for")
    if len({wish.priority for wish in state.wishes}) != len(state.wishes):
        problems.append("two plans of one priority are wanted")
    return problems


def _of_nodes(state: "ClusterState") -> list[str]:
    problems = [f"node {name} is kept as {going.node}" for name, going in state.going.items() if name != going.node]
    problems += [
        f"node {going.node} is drained, but nothing was done"
        for going in state.going.values()
        if going.drained and not going.acted
    ]
    return problems
