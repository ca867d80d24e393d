"""What a saga has done, for the state machine of its cluster."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from actors.cluster.inputs import SagaEnded
from actors.execution.codec import from_body
from actors.execution.ledger import pool_from
from domain.errors import InputError
from domain.market import CapacityType
from domain.saga import LaunchFailure, SagaStep, StepKind, StepStatus, StoredSaga
from solvers.decision import CapacityFailure


def outcome_of(saga: StoredSaga, steps: Iterable[SagaStep]) -> SagaEnded:
    """The end of a saga, from its steps."""
    every = tuple(steps)
    done = [step for step in every if step.status is StepStatus.DONE]
    templates = _templates(saga)
    return SagaEnded(
        id=f"end of {saga.id}",
        at=saga.ended_at or saga.updated_at,
        saga=str(saga.id),
        status=saga.status,
        reason=saga.reason,
        removed=tuple(step.subject for step in done if step.kind is StepKind.GONE and step.subject == step.track),
        joined=tuple(sorted({node for step in done if step.kind is StepKind.JOIN for node in _nodes(step)})),
        capacity_failures=tuple(_failures(every, templates)),
    )


def _templates(saga: StoredSaga) -> dict[str, str]:
    """Templates by the name of the launch; a damaged specification tells none, and its saga ends all the same."""
    try:
        return {order.name: order.template for order in from_body(saga.body).launches}
    except InputError:
        return {}


def _nodes(step: SagaStep) -> Iterable[str]:
    nodes = step.result.get("nodes")
    return nodes.values() if isinstance(nodes, dict) else ()


def _failures(steps: Iterable[SagaStep], templates: dict[str, str]) -> Iterator[CapacityFailure]:
    for step in steps:
        if step.kind is not StepKind.LAUNCH or step.track not in templates:
            continue
        at: datetime = step.ended_at or step.asked_at
        for entry in _failed(step):
            if entry["market"] == CapacityType.SPOT and entry["why"] == LaunchFailure.CAPACITY:
                yield CapacityFailure(template=templates[step.track], pool=pool_from(entry["pool"]), at=at)


def _failed(step: SagaStep) -> list[dict[str, Any]]:
    failed = step.result.get("failed")
    return failed if isinstance(failed, list) else []
