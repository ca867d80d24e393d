"""What must hold between any two events of a cluster."""

from typing import TYPE_CHECKING

from domain.commands import AgentActionKind, QueueAction
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
        if not isinstance(command, QueueAction):
            continue
        if state.safe_mode:
            problems.append(f"action {id_} is queued in safe mode")
        if command.kind is AgentActionKind.DRAIN:
            node = command.payload["node"]
            if node in drains:
                problems.append(f"node {node} is drained twice at once")
            drains.add(node)
        if command.plan is not None and (state.accepted is None or command.plan > state.accepted):
            problems.append(f"action {id_} belongs to plan {command.plan}, which was not accepted")
        if not command.expires_at.tzinfo:
            problems.append(f"action {id_} expires at a time without a zone")
    return problems


def _of_plans(state: "ClusterState") -> list[str]:
    problems: list[str] = []
    run, asked = state.execution, state.asked
    if run is not None:
        if run.generation != state.accepted:
            problems.append(f"plan {run.generation} is carried out, but plan {state.accepted} is the accepted one")
        if state.safe_mode:
            problems.append(f"plan {run.generation} is carried out in safe mode")
        if run.step >= len(run.steps) or run.released > len(run.steps[run.step]):
            problems.append(f"plan {run.generation} is past its end")
        if min(run.pods_left.values(), default=0) < 0:
            problems.append(f"plan {run.generation} has evicted more pods than it names")
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
