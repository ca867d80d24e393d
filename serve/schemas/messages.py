"""What the WebSockets of the portal say, for those who generate types; `serve.sockets` and `actors.accounts` say it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, RootModel

from adapters.aws.ports.discovery import Phase
from domain.fleet import AccountStatus
from domain.wire.socket import PingMessage, PongMessage
from serve.schemas.base import Answer

Topic = Literal[
    "action_finished",
    "figures_changed",
    "node_going",
    "node_not_ready",
    "oom_killed",
    "plan_done",
    "plan_dry_run",
    "plan_failed",
    "plan_progress",
    "plan_ready",
    "plan_rejected",
    "plan_started",
    "plan_unneeded",
    "planning_failed",
]
"""What happened in a cluster. Others may come: whoever does not know one reads the lists anew."""


class ReadyMessage(Answer):
    """From now on nothing is missed: what is read after this need not be read again."""

    type: Literal["ready"] = "ready"


class ResyncMessage(Answer):
    """Messages may be missing: read the lists anew."""

    type: Literal["resync"] = "resync"


class HeartbeatMessage(Answer):
    """The agent of a cluster lives; ``data`` is its heartbeat as it sent it."""

    type: Literal["heartbeat"] = "heartbeat"
    cluster_id: UUID
    data: Mapping[str, Any]


class ClusterEvent(Answer):
    """Something that happened in a cluster. ``data`` names a plan by generation, an action by id, a node by name."""

    topic: Topic | str
    cluster_id: UUID
    at: datetime
    data: Mapping[str, str | int]


class EventMessage(Answer):
    """Something happened in a cluster."""

    type: Literal["event"] = "event"
    cluster_id: UUID
    data: ClusterEvent


class FlaggedPool(Answer):
    """A capacity pool that everybody avoids until then; ``until`` is ``null`` when it need not be avoided any more."""

    region: str
    zone_id: str
    instance_type: str
    until: datetime | None


class FlagMessage(Answer):
    """A flag was set or taken away in a region where the organisation has a cluster."""

    type: Literal["flag"] = "flag"
    data: FlaggedPool


AnyPortalMessage = (
    ReadyMessage | ResyncMessage | HeartbeatMessage | EventMessage | FlagMessage | PingMessage | PongMessage
)


class PortalMessage(RootModel[Annotated[AnyPortalMessage, Field(discriminator="type")]]):
    """What `/api/clusters/heartbeat` says."""


class AccountMessage(Answer):
    """How an AWS account stands, and what was found there so far; told of each account after ``ready``."""

    type: Literal["account"] = "account"
    account_id: UUID
    aws_account_id: str
    status: AccountStatus
    reason: str
    clusters: int
    instances: int


class ProgressMessage(Answer):
    """A discovery goes on: ``done`` of ``total`` steps of the whole account, and what it has found so far."""

    type: Literal["progress"] = "progress"
    account_id: UUID
    aws_account_id: str
    region: str
    phase: Phase
    done: int
    total: int
    clusters: int
    instances: int


class EndedMessage(Answer):
    """A discovery has ended; ``reason`` says why it failed, where it did."""

    type: Literal["ended"] = "ended"
    account_id: UUID
    status: AccountStatus
    reason: str
    clusters: int
    instances: int


AnyDiscoveryMessage = ReadyMessage | AccountMessage | ProgressMessage | EndedMessage | PingMessage | PongMessage


class DiscoveryMessage(RootModel[Annotated[AnyDiscoveryMessage, Field(discriminator="type")]]):
    """What `/api/connect/stream` says."""
