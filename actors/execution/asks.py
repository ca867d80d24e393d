"""What a saga asks of its runner. Frozen values; whoever carries them out decides nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.commands import AgentActionKind, Outcome
from domain.market import CapacityType, Pool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A question of one step; its answer names the step.

    ``again``: it was asked before and nobody knows with what success, so look whether it has happened first.
    """

    step_id: str
    token: str
    again: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AskLaunch(Ask):
    """Launch instances. ``find_only``: only look for what an earlier question may have launched."""

    template: str
    capacity_type: CapacityType
    pools: tuple[Pool, ...]
    count: int
    tags: Mapping[str, str]
    find_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AskTerminate(Ask):
    """End an instance, through its group where it has one."""

    instance_id: str
    asg: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AskResize(Ask):
    """Set the minimum of a group."""

    asg: str
    minimum: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AskDetach(Ask):
    """Detach a volume that is not mounted."""

    volume_id: str
    instance_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AskAgent(Ask):
    """Queue an action for the agent."""

    action_id: UUID
    kind: AgentActionKind
    payload: Mapping[str, object]
    expires_at: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdraw:
    """Take back actions that the agent has not begun."""

    action_ids: tuple[UUID, ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckAgent:
    """See how actions of the agent stand."""

    action_ids: tuple[UUID, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """See what the cluster and EC2 look like."""

    nodes: tuple[str, ...]
    instance_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tell:
    """One entry of the audit log. ``event`` is a stable word, ``text`` a sentence."""

    event: str
    resource: str
    outcome: Outcome
    text: str
    actor: str


Command = Ask | Withdraw | CheckAgent | Look | Tell
