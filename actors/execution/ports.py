"""What carrying a plan out asks of AWS, of the cluster, of whoever permits it, and of whoever learns from it.

All raise `domain.errors`: ``TransientError`` when the same call may succeed later (throttled, timed out, away),
``RejectedError`` when it never will (not authorised, a group at its minimum), ``InvariantError`` for a bug. A call that
raises ``TransientError`` may have happened all the same. Every call ends by itself; those that change something are
safe to repeat with the same token or on the same instance.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from domain.commands import AgentActionKind, ReportEvidence
from domain.saga import InstanceView, LaunchAnswer, LaunchRequest, NodeView
from domain.work import ActionStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """The cluster that something is done for: its account and region follow from it."""

    organization_id: UUID
    cluster_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """The Auto Scaling group that an instance is in, and its size."""

    group: str
    minimum: int
    desired: int


class Ec2(Protocol):
    """The AWS half of a saga, in the account and region of the cluster."""

    async def launch(self, request: LaunchRequest) -> LaunchAnswer:
        """Launch from the template of the node group. Pools without room are told in the answer, not raised."""

    async def find(self, where: Where, *, tags: Mapping[str, str]) -> tuple[InstanceView, ...]:
        """Instances that carry all these tags and have not ended."""

    async def describe(self, where: Where, instance_ids: Sequence[str]) -> tuple[InstanceView, ...]:
        """One view for each id; ids that EC2 does not know are ``ABSENT``."""

    async def memberships(self, where: Where, instance_ids: Sequence[str]) -> Mapping[str, Membership]:
        """Groups of those of these instances that are in one."""

    async def terminate(self, where: Where, instance_id: str) -> None:
        """End an instance that is in no group. One that has ended already is fine."""

    async def terminate_in_asg(self, where: Where, instance_id: str, *, asg: str) -> None:
        """End a member of a group and shrink the group by one.

        Raises
        ------
        RejectedError
            The group is at its minimum.
        """

    async def update_asg(self, where: Where, asg: str, *, minimum: int) -> None:
        """Set the minimum of a group; never above its desired size, nor below 0."""

    async def detach_volume(self, where: Where, volume_id: str, *, instance_id: str) -> None:
        """Detach a volume that nobody has mounted. One that is detached already is fine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An action for the agent. ``action_id`` is the same for the same step: queueing it twice queues it once."""

    action_id: UUID
    kind: AgentActionKind
    payload: Mapping[str, object]
    expires_at: datetime
    reason: str
    plan_generation: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How an action of the agent stands."""

    action_id: UUID
    status: ActionStatus
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterLook:
    """The nodes asked for that exist, and the pods that have no place (``None`` when that is not known), by key."""

    nodes: tuple[NodeView, ...] = ()
    pending_pods: frozenset[str] | None = None
    observed_at: datetime | None = None


class Kubernetes(Protocol):
    """The cluster's half of a saga: signed actions for the agent, and what the agent has seen."""

    async def order(self, where: Where, order: Order) -> None:
        """Queue an action for the agent and wake it."""

    async def withdraw(self, where: Where, action_ids: Sequence[UUID], *, reason: str) -> None:
        """Take back those that the agent has not begun."""

    async def standings(self, where: Where, action_ids: Sequence[UUID]) -> tuple[Standing, ...]:
        """How actions stand; unknown ones are left out."""

    async def look(self, where: Where, *, nodes: Sequence[str], instance_ids: Sequence[str]) -> ClusterLook:
        """Nodes by name or by instance, as fresh as can be had soon."""


class Ruling(StrEnum):
    """Whether something may be changed."""

    GO = "go"
    DRY_RUN = "dry_run"
    STOP = "stop"


class Permit(Protocol):
    """Asked directly before every single change of anything, so that no path avoids safe mode or a dry run."""

    async def ask(self, where: Where, act: str) -> Ruling:
        """Whether ``act`` may be done now. ``STOP`` in safe mode, ``DRY_RUN`` when changes are only written down."""


class Registry(Protocol):
    """Hears which pools had no room."""

    async def report(self, cluster_id: UUID, organization_id: UUID, evidence: ReportEvidence) -> None:
        """Take note of evidence."""
