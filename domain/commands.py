"""What a cluster's state machine asks the outside to do. Frozen values; whoever carries them out decides nothing.

Each command names the event that caused it. Ids are made from the cluster and the cause, so that carrying out the same
command twice (after a crash, say) meets what is already there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any
from uuid import UUID, uuid5

from domain.market import Pool

_NAMESPACE = UUID("6f1b3f0e-6a0c-4e0f-9d57-0b7a6a1c5e21")
"""Ours, drawn once: root of all ids made from a cause."""


class AgentActionKind(StrEnum):
    """What an agent does in its cluster, in the words of the wire and of the audit log."""

    EVICT = "evict_pod"
    CORDON = "cordon_node"
    UNCORDON = "uncordon_node"
    DRAIN = "drain_node"
    LABEL = "label_node"
    UPDATE_DEPLOYMENT = "update_deployment"
    NARROW_NODE_POOLS = "narrow_node_pools"
    RESTORE_NODE_POOLS = "restore_node_pools"


class Priority(IntEnum):
    """Order of planning, the smallest first."""

    INTERRUPTION = 0
    PENDING = 1
    USER = 2
    ROUTINE = 3


class PlanStatus(StrEnum):
    """How a plan stands."""

    RECOMMENDED = "recommended"
    AWAITING_APPROVAL = "awaiting_approval"
    ACCEPTED = "accepted"
    NO_CHANGE = "no_change"
    REFUSED = "refused"
    REJECTED = "rejected"
    DONE = "done"
    DRY_RUN = "dry_run"
    FAILED = "failed"


class Outcome(StrEnum):
    """How something audited ended."""

    SUCCESS = "success"
    FAILURE = "failure"
    REFUSED = "refused"
    DRY_RUN = "dry_run"


class EvidenceKind(StrEnum):
    """What was seen of a capacity pool."""

    INTERRUPTION = "interruption"
    CAPACITY = "capacity"
    REBALANCE = "rebalance"
    NOT_READY = "not_ready"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What all commands have in common: the id of the event that caused it."""

    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueAction(Command):
    """Store an action for the agent: sign it, one row, pending until it expires."""

    action_id: str
    kind: AgentActionKind
    payload: Mapping[str, Any]
    expires_at: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawActions(Command):
    """Take back actions that the agent has not picked up yet; those that it has are left to their end."""

    action_ids: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BeginSaga(Command):
    """Carry an accepted plan out. Its end comes back; asked for again, it goes on where it was."""

    saga: str
    plan: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AbortSaga(Command):
    """Stop carrying a plan out and undo it where that can be; its end comes back as any other."""

    saga: str
    plan: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestPlan(Command):
    """Plan the cluster as it is now.

    Parameters
    ----------
    request
        Comes back with the plan.
    generation, parent
        Numbers that the plan gets: its own, and that of the accepted plan it builds on.
    excluded_nodes
        Nodes that go: nothing may be planned onto them, their pods need places.
    excluded_pools
        Flagged pools: nothing may be launched there.
    max_snapshot_age_s
        A snapshot older than this at the time of planning is useless: ask the agent first.
    jobs
        Jobs that wait for the plan.
    """

    request: str
    priority: Priority
    generation: int
    parent: int | None
    max_snapshot_age_s: int
    reason: str
    excluded_nodes: tuple[str, ...] = ()
    excluded_pools: tuple[Pool, ...] = ()
    jobs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelPlan(Command):
    """Stop planning; what it has found so far is not wanted."""

    request: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StorePlan(Command):
    """Keep a plan, or its new status when it is kept already. The body is with whoever planned, by ``generation``."""

    generation: int
    status: PlanStatus
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartJob(Command):
    """A job runs now: its planning has begun, or the plan that it stands for."""

    job: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CompleteJob(Command):
    """A job has done what it was to do."""

    job: str
    text: str
    plan: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailJob(Command):
    """A job did not."""

    job: str
    reason: str
    plan: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit(Command):
    """One entry of the audit log. ``event`` is a stable word, ``text`` a sentence."""

    at: datetime
    event: str
    resource: str
    outcome: Outcome
    text: str
    actor: str = "System"


@dataclass(frozen=True, slots=True, kw_only=True)
class TellPortal(Command):
    """Tell whoever watches this cluster. ``topic`` is a stable word; ``data`` is small."""

    topic: str
    data: Mapping[str, str | int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportEvidence(Command):
    """Tell the risk registry what was seen of a pool. ``known``: the service knows the instance as this cluster's."""

    pool: Pool
    kind: EvidenceKind
    instance_id: str
    known: bool
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RecomputeRequests(Command):
    """Have the right-sizer look at a workload's memory at once. ``owner`` is ``Kind/name``, or empty for a lone pod."""

    namespace: str
    owner: str
    pod: str
    container: str
    limit_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Persist(Command):
    """Store the state before anything else of this event is carried out.

    One transaction with all that ends in a row: actions, plans, jobs, audit. What does not (planning, sagas, wake-ups,
    ticks) is asked for again after a restart.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class WakeAgent(Command):
    """Actions wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskForSnapshot(Command):
    """Have the agent send all objects: what is known is too old."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule(Command):
    """Send a tick at that time (UTC), or soon after it. A later one does not replace an earlier one."""

    at: datetime


def derived_id(cluster: str, *parts: str) -> str:
    """An id that is the same whenever the same cause leads to the same thing."""
    return str(uuid5(_NAMESPACE, "\n".join((cluster, *parts))))
