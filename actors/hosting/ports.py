"""What others may ask of the hosts of clusters, and what the hosts ask of others, as interfaces."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from actors.cluster.inputs import Input
from actors.hosting.usage import Used
from actors.planning.order import PlanAnswer, PlanOrder
from domain.commands import ReportEvidence
from domain.delta import Delta
from domain.events import SpotInterruption
from domain.market import Pool


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What an agent has collected.

    ``full`` is a whole set as `domain.delta.ObjectSet.to_bytes` packs it, ``delta`` a change of the one before; at most
    one of them is there. ``usage`` is packed by `actors.hosting.usage`.
    """

    cluster_id: UUID
    organization_id: UUID
    at: datetime
    full: bytes | None = None
    delta: Delta | None = None
    usage: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportAnswer:
    """``need_full``: the delta does not fit what is held, or nothing is held: send all objects. ``nodes``: how many."""

    need_full: bool
    nodes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterView:
    """A cluster as its host sees it now.

    Counts are those of the last snapshot, ``used`` is what was measured last; times are UTC. The plan that is
    executed is the oldest of them. Absent is what never came.
    """

    awake: bool
    snapshot_at: datetime | None
    snapshot_hash: str
    nodes: int
    pods: int
    going: tuple[str, ...]
    mode: str
    safe_mode: bool
    accepted_generation: int | None
    planning: bool
    executing_generation: int | None
    proposed_generation: int | None
    used: Used | None = None
    story: tuple[Mapping[str, str], ...] = ()


class Clusters(Protocol):
    """The hosts, as one. A cluster that sleeps is woken by any of these.

    All raise `domain.errors.TransientError` when the host of the cluster cannot be reached in time, and `RejectedError`
    when there is no such cluster.
    """

    async def report(self, report: Report) -> ReportAnswer:
        """Take over what an agent has collected."""

    async def tell(self, cluster_id: UUID, event: Input) -> None:
        """Have the state machine of a cluster handle something; returns when all it led to is stored."""

    async def warn(self, cluster_id: UUID, event: SpotInterruption) -> None:
        """Tell the registry of a notice before its cluster handles it, which it is to do all the same."""

    async def view(self, cluster_id: UUID) -> ClusterView:
        """How the cluster stands."""

    async def refresh(self, cluster_id: UUID) -> None:
        """The cluster's policy or record has changed in the database: read it anew."""

    async def forget(self, cluster_id: UUID) -> None:
        """The cluster was deleted or disconnected: drop it from memory."""


class Planner(Protocol):
    """Makes plans; see `actors.planning`."""

    async def plan(self, order: PlanOrder) -> PlanAnswer:
        """The answer to an order."""

    async def cancel(self, request: str) -> None:
        """Stop planning."""


class Registry(Protocol):
    """Hears what was seen of pools, and knows which are flagged; see `actors.risk`."""

    async def report(self, cluster_id: UUID, organization_id: UUID, evidence: ReportEvidence) -> None:
        """Take note of evidence."""

    async def warn(self, cluster_id: UUID, organization_id: UUID, evidence: ReportEvidence) -> None:
        """Set flags ahead of the report of the same evidence."""

    def flagged(self, region: str, organization_id: UUID) -> tuple[Pool, ...]:
        """Pools of a region that this organisation avoids now, from memory."""
