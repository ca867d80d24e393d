"""Carries out what a cluster's state machine commands: what must last in one transaction, the rest after it.

State and rows are stored together, so that a crash leaves both or neither. Ids are made from causes, so that carrying
the same commands out again meets what is already there.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from actors.cluster.codec import to_json
from actors.cluster.state import ClusterState
from actors.hosting.advice import Advising, more_memory
from actors.hosting.briefs import stored_plan
from actors.planning.order import PlanAnswer
from adapters.postgres.ports import Transaction
from domain.audit import AuditEntry
from domain.commands import (
    Audit,
    Command,
    CompleteJob,
    FailJob,
    PlanStatus,
    QueueAction,
    RecomputeRequests,
    StartJob,
    StorePlan,
    WithdrawActions,
    derived_id,
)
from domain.errors import TransientError
from domain.insight import Recommendation
from domain.signing import SignedAction, SigningKey, sign
from domain.work import ActionStatus, AgentAction, Job, JobStatus, JobTrigger, StoredState

UNSTORED = (PlanStatus.REFUSED,)
"""Plans that are not kept: a refused one builds on what is no longer so; the audit log says why it was refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshPlan:
    """A plan that has come from the planner and is not stored yet."""

    answer: PlanAnswer
    observed_at: datetime


class Carried(Protocol):
    """The hosted cluster, as far as storing needs it."""

    state: ClusterState
    version: int
    fresh: dict[int, FreshPlan]
    advising: Advising

    @property
    def id(self) -> UUID:
        """Of the cluster."""

    @property
    def organization_id(self) -> UUID:
        """Whose it is."""


async def store(
    tx: Transaction, cluster: Carried, commands: Sequence[Command], *, key: SigningKey | None, now: datetime
) -> None:
    """Store the state and everything of its commands that must last.

    Actions that have expired by now, or that no key can sign, are not queued: the state machine hears of their expiry.

    Raises
    ------
    TransientError
        When another host has stored a newer state: this one's copy is of no use any more.
    """
    stored = await tx.snapshots.put_state(
        StoredState(
            cluster_id=cluster.id,
            organization_id=cluster.organization_id,
            body=to_json(cluster.state),
            version=cluster.version + 1,
            stored_at=now,
        )
    )
    if not stored:
        raise TransientError(f"cluster {cluster.id} has moved to another host")
    await _store_jobs(tx, cluster, commands, now=now)
    await _store_plans(tx, cluster, commands, now=now)
    queued = [one for one in commands if isinstance(one, QueueAction) and one.expires_at > now]
    if queued and key is not None:
        # A microsecond apart: what is queued together is handed out in this order, a node closed before it is emptied.
        at = [now + timedelta(microseconds=number) for number in range(len(queued))]
        await tx.actions.queue([_signed(cluster, one, key=key, now=at[n]) for n, one in enumerate(queued)])
    for command in commands:
        if isinstance(command, WithdrawActions):
            ids = [UUID(action_id) for action_id in command.action_ids]
            await tx.actions.withdraw(cluster.id, ids, reason=command.reason, now=now)
    if advice := _advice(cluster, commands, now=now):
        await tx.insights.recommend(advice)
    entries = [_audited(cluster, command, n) for n, command in enumerate(commands) if isinstance(command, Audit)]
    if entries:
        await tx.audit.append(entries)


def _advice(cluster: Carried, commands: Sequence[Command], *, now: datetime) -> list[Recommendation]:
    if not cluster.advising.wanted:
        return []
    share = cluster.advising.buffer_share
    whose = {"organization_id": cluster.organization_id, "cluster_id": cluster.id}
    return [
        more_memory(one, buffer_share=share, now=now, **whose) for one in commands if isinstance(one, RecomputeRequests)
    ]


async def _store_jobs(tx: Transaction, cluster: Carried, commands: Sequence[Command], *, now: datetime) -> None:
    for command in commands:
        match command:
            case StartJob(job=job):
                await tx.jobs.create(_job(cluster, UUID(job), now=now))
                await tx.jobs.start(UUID(job), now)
            case CompleteJob(job=job, text=text, plan=plan):
                await tx.jobs.complete(UUID(job), result={"text": text}, plan_generation=plan, now=now)
            case FailJob(job=job, reason=reason):
                await tx.jobs.fail(UUID(job), error=reason, now=now)


def _job(cluster: Carried, job: UUID, *, now: datetime) -> Job:
    """A job that nobody asked for by hand; one that is there already stays as it is."""
    return Job(
        id=job,
        organization_id=cluster.organization_id,
        cluster_id=cluster.id,
        trigger=JobTrigger.EVENT,
        status=JobStatus.QUEUED,
        created_at=now,
    )


async def _store_plans(tx: Transaction, cluster: Carried, commands: Sequence[Command], *, now: datetime) -> None:
    for command in commands:
        if not isinstance(command, StorePlan) or command.status in UNSTORED:
            continue
        generation, status, reason = command.generation, command.status, command.reason
        fresh = cluster.fresh.get(generation)
        if fresh is not None and fresh.answer.plan is not None:
            first = PlanStatus.RECOMMENDED if status is PlanStatus.ACCEPTED else status
            await tx.plans.insert(
                stored_plan(
                    fresh.answer,
                    fresh.answer.plan,
                    organization_id=cluster.organization_id,
                    observed_at=fresh.observed_at,
                    status=first,
                    reason=reason,
                    now=now,
                )
            )
        if status is PlanStatus.ACCEPTED:
            await tx.plans.accept(cluster.id, generation, reason=reason, now=now)
        elif fresh is None:
            await tx.plans.set_status(cluster.id, generation, status=status, reason=reason, now=now)


def _signed(cluster: Carried, command: QueueAction, *, key: SigningKey, now: datetime) -> AgentAction:
    payload: Mapping[str, str] = dict(command.payload)
    unsigned = SignedAction(
        cluster=str(cluster.id),
        id=command.action_id,
        type=command.kind,
        payload=payload,
        expires_at=command.expires_at,
        nonce=secrets.token_urlsafe(16),
    )
    action = sign(unsigned, key, now=now)
    return AgentAction(
        id=UUID(command.action_id),
        organization_id=cluster.organization_id,
        cluster_id=cluster.id,
        kind=command.kind,
        payload=payload,
        status=ActionStatus.PENDING,
        created_at=now,
        expires_at=action.expires_at,
        nonce=action.nonce,
        key_id=action.key_id,
        signature=action.signature,
        reason=command.reason,
    )


def _audited(cluster: Carried, command: Audit, number: int) -> AuditEntry:
    at = command.at.replace(microsecond=command.at.microsecond // 1000 * 1000)
    identity = derived_id(str(cluster.id), command.cause, "audit", str(cluster.version + 1), str(number))
    return AuditEntry(
        id=UUID(identity),
        organization_id=cluster.organization_id,
        at=at,
        actor=command.actor,
        event=command.event,
        resource_type="cluster",
        resource=command.resource or str(cluster.id),
        outcome=command.outcome,
        text=command.text,
    )
