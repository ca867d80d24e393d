"""The cluster's half of a saga through the queue of signed actions, and the permit that safe mode gives or refuses."""

import secrets
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from actors.cluster.records import instance_id_of
from actors.execution.ports import ClusterLook, Order, Ruling, Standing, Where
from actors.hosting.messages import messages_of
from actors.services import Services
from adapters.postgres.ports import Transaction
from domain import labels
from domain.canonical import KubeObject
from domain.commands import AskForSnapshot, WakeAgent
from domain.config import SAFE_MODE
from domain.delta import ObjectSet
from domain.errors import RejectedError
from domain.saga import NodeView
from domain.signing import SignedAction, SigningKey, sign
from domain.work import ActionStatus, AgentAction

OLD = timedelta(seconds=60)
"""Agents send what has changed every 30 s; asked for all objects more often than needed, they would send megabytes."""

_FINISHED = ("Succeeded", "Failed")

Objects = Callable[[Where], Awaitable[tuple[ObjectSet, datetime] | None]]
"""The objects of a cluster and when its agent read them; ``None`` when there are none."""


class QueuedActions:
    """`actors.execution.ports.Kubernetes` over the queue that agents take their actions from.

    Parameters
    ----------
    services
        Database, bus, keys and clock.
    objects
        What the agent has sent last.
    """

    def __init__(self, services: Services, objects: Objects) -> None:
        self._services = services
        self._objects = objects

    async def order(self, where: Where, order: Order) -> None:
        """Queue an action and wake the agent; one that is queued already stays as it is.

        Raises
        ------
        RejectedError
            The cluster has no valid key that the agent would believe, or the action's time is over.
        """
        now = self._services.clock.now()
        if order.expires_at <= now:
            raise RejectedError(f"{order.kind} expired at {order.expires_at.isoformat(timespec='seconds')}")
        async with self._services.database.tenant(where.organization_id) as tx:
            await tx.actions.queue([_signed(where, order, key=await self._key(tx, where, now), now=now)])
        await self._wake(where)

    async def withdraw(self, where: Where, action_ids: Sequence[UUID], *, reason: str) -> None:
        """Take back those that the agent has not begun."""
        now = self._services.clock.now()
        async with self._services.database.tenant(where.organization_id) as tx:
            await tx.actions.withdraw(where.cluster_id, action_ids, reason=reason, now=now)

    async def standings(self, where: Where, action_ids: Sequence[UUID]) -> tuple[Standing, ...]:
        """How actions stand. One that has expired without being swept yet counts as expired."""
        now = self._services.clock.now()
        async with self._services.database.tenant(where.organization_id) as tx:
            found = [await tx.actions.get(action_id) for action_id in action_ids]
        return tuple(_standing(action, now) for action in found if action is not None)

    async def look(self, where: Where, *, nodes: Sequence[str], instance_ids: Sequence[str]) -> ClusterLook:
        """Nodes as the agent has sent them last; it is asked for all of them when it has been silent for too long."""
        now = self._services.clock.now()
        known = await self._objects(where)
        if known is None or now - known[1] > OLD:
            messages = messages_of(str(where.cluster_id), AskForSnapshot(cause="saga"), now)
            await self._services.hub.bus.publish_many(messages)
        if known is None:
            return ClusterLook()
        objects, observed_at = known
        return look_at(objects, observed_at, nodes=nodes, instance_ids=instance_ids)

    async def _key(self, tx: Transaction, where: Where, now: datetime) -> SigningKey:
        sealed = await tx.api_keys.signing_key(where.cluster_id, now)
        if sealed is None:
            raise RejectedError(f"cluster {where.cluster_id} has no valid key to sign actions with")
        secret = self._services.keys.decrypt(sealed.sealed)
        return SigningKey(id=sealed.key_id, cluster=str(where.cluster_id), secret=secret)

    async def _wake(self, where: Where) -> None:
        messages = messages_of(str(where.cluster_id), WakeAgent(cause="saga"), self._services.clock.now())
        await self._services.hub.bus.publish_many(messages)


class ConfigPermit:
    """`actors.execution.ports.Permit` by the platform's safe mode, read anew for every change."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def ask(self, where: Where, act: str) -> Ruling:
        """``STOP`` in safe mode."""
        async with self._services.database.single() as tx:
            value = await tx.config.get(SAFE_MODE)
        return Ruling.STOP if (value or "").upper() == "TRUE" else Ruling.GO


def look_at(
    objects: ObjectSet, observed_at: datetime, *, nodes: Sequence[str], instance_ids: Sequence[str]
) -> ClusterLook:
    """What a set of objects tells of some nodes.

    Volumes are not among the fields that leave a cluster, so nothing is known of them.
    """
    pods = [pod for pod in objects.objects("Pod") if _field(pod, "status", "phase") not in _FINISHED]
    views = [_view(node, pods, observed_at) for node in objects.objects("Node")]
    wanted = [view for view in views if view.name in nodes or view.instance_id in instance_ids]
    pending = frozenset(_key(pod) for pod in pods if not _field(pod, "spec", "nodeName"))
    return ClusterLook(nodes=tuple(wanted), pending_pods=pending, observed_at=observed_at)


def _view(node: KubeObject, pods: Sequence[KubeObject], observed_at: datetime) -> NodeView:
    name = str(_field(node, "metadata", "name"))
    conditions = _field(node, "status", "conditions") or []
    ready = any(one.get("type") == "Ready" and one.get("status") == "True" for one in conditions)
    return NodeView(
        name=name,
        instance_id=instance_id_of(str(_field(node, "spec", "providerID") or "")),
        ready=ready,
        cordoned=bool(_field(node, "spec", "unschedulable")),
        evictable_pods=sum(_field(pod, "spec", "nodeName") == name and _is_evictable(pod) for pod in pods),
        observed_at=observed_at,
    )


def _key(pod: KubeObject) -> str:
    return f"{_field(pod, 'metadata', 'namespace')}/{_field(pod, 'metadata', 'name')}"


def _is_evictable(pod: KubeObject) -> bool:
    if labels.MIRROR_POD in (_field(pod, "metadata", "annotations") or {}):
        return False
    return not any(owner.get("kind") == "DaemonSet" for owner in _owners(pod))


def _owners(pod: KubeObject) -> Iterator[Mapping[str, Any]]:
    yield from _field(pod, "metadata", "ownerReferences") or []


def _field(value: KubeObject, *path: str) -> Any:
    found: Any = value
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _standing(action: AgentAction, now: datetime) -> Standing:
    status = action.status
    if status is ActionStatus.PENDING and action.expires_at <= now:
        status = ActionStatus.EXPIRED
    return Standing(action_id=action.id, status=status, error=action.error)


def _signed(where: Where, order: Order, *, key: SigningKey, now: datetime) -> AgentAction:
    unsigned = SignedAction(
        cluster=str(where.cluster_id),
        id=str(order.action_id),
        type=order.kind,
        payload=dict(order.payload),
        expires_at=order.expires_at,
        nonce=secrets.token_urlsafe(16),
    )
    action = sign(unsigned, key, now=now)
    return AgentAction(
        id=order.action_id,
        organization_id=where.organization_id,
        cluster_id=where.cluster_id,
        kind=order.kind,
        payload=dict(order.payload),
        status=ActionStatus.PENDING,
        created_at=now,
        expires_at=action.expires_at,
        nonce=action.nonce,
        key_id=action.key_id,
        signature=action.signature,
        reason=order.reason,
        plan_generation=order.plan_generation,
    )
