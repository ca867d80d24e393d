"""One cluster in the memory of its host: woken from storage, used one turn at a time, put back to sleep."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from actors.cluster.codec import from_json
from actors.cluster.inputs import ActionFinished, Ended
from actors.cluster.records import ClusterSettings, NodeFacts, facts_of
from actors.cluster.state import ClusterState
from actors.hosting.advice import Advising
from actors.hosting.carrying import FreshPlan
from actors.hosting.policies import (
    advising,
    cluster_settings,
    launches_by_karpenter,
    planning_policy,
    why_not_to_act,
)
from actors.hosting.ports import ClusterView
from actors.hosting.usage import total
from adapters.kubernetes.snapshot import nodes_from_objects
from adapters.postgres.ports import Transaction
from adapters.settings import Keys
from domain.config import SAFE_MODE
from domain.delta import EMPTY, ObjectSet
from domain.errors import RejectedError
from domain.fleet import Cluster, ClusterStatus
from domain.policy import Policy
from domain.signing import SigningKey
from domain.work import ActionStatus

_ENDS = {
    ActionStatus.COMPLETED: Ended.COMPLETED,
    ActionStatus.FAILED: Ended.FAILED,
    ActionStatus.EXPIRED: Ended.EXPIRED,
}


@dataclass(slots=True, kw_only=True)
class Hosted:
    """A cluster that is awake.

    Parameters
    ----------
    record
        Its row.
    version
        Of the stored state; the next one stored is one more.
    policy, advising
        What planning is told, and what advice on requests its owner wants.
    karpenter
        Karpenter is to launch, and its NodePools can be seen.
    objects, observed_at
        Last objects of the agent and when it read them (UTC).
    usage
        What was measured last, packed.
    stored_hash
        Hash of the objects that storage holds.
    key
        Signs actions; absent while the cluster has no valid key.
    fresh
        Plans that are not stored yet, by generation.
    """

    record: Cluster
    state: ClusterState
    version: int
    policy: Policy
    settings: ClusterSettings
    advising: Advising
    safe_mode: bool
    key: SigningKey | None
    karpenter: bool = False
    objects: ObjectSet = EMPTY
    observed_at: datetime | None = None
    usage: bytes = b""
    stored_hash: str = ""
    stored_at_s: float = 0.0
    used_at_s: float = 0.0
    nodes: tuple[NodeFacts, ...] = ()
    fresh: dict[int, FreshPlan] = field(default_factory=dict)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def id(self) -> UUID:
        """Of the cluster."""
        return self.record.id

    @property
    def organization_id(self) -> UUID:
        """Whose it is."""
        return self.record.organization_id

    @property
    def is_busy(self) -> bool:
        """Whether something is under way that ends by itself: such a cluster is not put to sleep."""
        state = self.state
        return self.turn.locked() or bool(state.in_flight or state.asked or state.executions or self.fresh)


async def wake(
    tx: Transaction,
    cluster_id: UUID,
    *,
    keys: Keys,
    config: Mapping[str, str],
    now: datetime,
    max_snapshot_age_s: float,
) -> Hosted:
    """Read a cluster from storage; a new one begins empty.

    Raises
    ------
    RejectedError
        When there is no such cluster, or it is disconnected.
    """
    terms = await read_terms(tx, cluster_id, config=config, max_snapshot_age_s=max_snapshot_age_s)
    stored = await tx.snapshots.get_state(cluster_id)
    hosted = Hosted(
        record=terms.record,
        state=from_json(stored.body) if stored else _new_state(terms.record),
        version=stored.version if stored else 0,
        policy=terms.policy,
        settings=terms.settings,
        advising=terms.advising,
        safe_mode=config.get(SAFE_MODE, "FALSE").upper() == "TRUE",
        key=await _signing_key(tx, cluster_id, keys=keys, now=now),
    )
    await _recall_objects(tx, hosted)
    adopt(hosted, terms)
    return hosted


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How a cluster is to be treated, by its record, its policy and what admins have set."""

    record: Cluster
    policy: Policy
    settings: ClusterSettings
    advising: Advising
    karpenter: bool


async def read_terms(
    tx: Transaction, cluster_id: UUID, *, config: Mapping[str, str], max_snapshot_age_s: float
) -> Terms:
    """How a cluster is to be treated now.

    Raises
    ------
    RejectedError
        When there is no such cluster, or it is disconnected.
    """
    record = await tx.clusters.get(cluster_id)
    policy = await tx.policies.get(cluster_id)
    if record is None or policy is None or record.status is ClusterStatus.DISCONNECTED:
        raise RejectedError(f"there is no connected cluster {cluster_id}")
    settings = cluster_settings(policy, config, max_snapshot_age_s=max_snapshot_age_s)
    return Terms(
        record=record,
        policy=planning_policy(policy, max_concurrent_actions=settings.max_concurrent_actions),
        settings=settings,
        advising=advising(policy),
        karpenter=launches_by_karpenter(policy),
    )


def adopt(hosted: Hosted, terms: Terms) -> None:
    """Treat a cluster by these terms from now on."""
    hosted.record, hosted.policy, hosted.advising = terms.record, terms.policy, terms.advising
    node_pools = hosted.objects.count("NodePool") if terms.karpenter else 0
    hosted.karpenter = node_pools > 0
    why_not = why_not_to_act(terms.record, karpenter=terms.karpenter, node_pools=node_pools)
    hosted.settings = replace(terms.settings, cannot_act=why_not)


async def _recall_objects(tx: Transaction, hosted: Hosted) -> None:
    snapshot = await tx.snapshots.get(hosted.id)
    if snapshot is None:
        return
    hosted.objects = await asyncio.to_thread(ObjectSet.from_bytes, snapshot.body)
    hosted.observed_at, hosted.stored_hash = snapshot.observed_at, snapshot.hash
    nodes = await asyncio.to_thread(nodes_from_objects, hosted.objects.objects("Node"))
    hosted.nodes = facts_of(nodes, region=hosted.record.region)


async def _signing_key(tx: Transaction, cluster_id: UUID, *, keys: Keys, now: datetime) -> SigningKey | None:
    sealed = await tx.api_keys.signing_key(cluster_id, now)
    if sealed is None:
        return None
    return SigningKey(id=sealed.key_id, cluster=str(cluster_id), secret=keys.decrypt(sealed.sealed))


def _new_state(record: Cluster) -> ClusterState:
    return ClusterState(cluster=str(record.id), organisation=str(record.organization_id), region=record.region)


async def ended_meanwhile(tx: Transaction, hosted: Hosted) -> list[ActionFinished]:
    """Actions that ended while the cluster was not listening."""
    waiting = list(hosted.state.in_flight)
    if not waiting:
        return []
    open_ids = {str(action.id) for action in await tx.actions.open_of_cluster(hosted.id)}
    ended = []
    for action_id in (one for one in waiting if one not in open_ids):
        action = await tx.actions.get(UUID(action_id))
        if action is not None and action.status in _ENDS:
            at = action.completed_at or action.expires_at
            end = _ENDS[action.status]
            ended.append(
                ActionFinished(id=f"end of {action_id}", at=at, action_id=action_id, ended=end, error=action.error)
            )
    return ended


def view_of(hosted: Hosted, *, awake: bool) -> ClusterView:
    """How a cluster stands; ``awake`` says whether it was before somebody looked."""
    state = hosted.state
    return ClusterView(
        awake=awake,
        snapshot_at=hosted.observed_at,
        snapshot_hash=hosted.objects.hash,
        nodes=len(state.nodes),
        pods=hosted.objects.count("Pod"),
        going=tuple(sorted(state.going)),
        mode=str(state.settings.mode),
        safe_mode=state.safe_mode,
        accepted_generation=state.accepted,
        planning=state.asked is not None,
        executing_generation=min((run.brief.generation for run in state.executions.values()), default=None),
        proposed_generation=state.proposal.brief.generation if state.proposal else None,
        used=total(hosted.usage),
        story=tuple(
            {"at": line.at.isoformat(), "cause": line.cause, "event": line.event, "text": line.text}
            for line in state.story_lines
        ),
    )
