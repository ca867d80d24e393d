"""A cluster with an agent that does what a script says: takes signed actions, carries them out, reports what is so."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from actors.cluster.inputs import ActionFinished, Ended, Input
from actors.hosting.ports import Report
from adapters.postgres.ports import Database
from domain import labels as keys
from domain.commands import AgentActionKind
from domain.delta import ObjectSet
from domain.market import CapacityType, Pool
from domain.signing import BoundedNonces, SignedAction, SigningKey, verify
from domain.work import ActionResult, ActionStatus, AgentAction

Tell = Callable[[UUID, Input], Awaitable[None]]


@dataclass(frozen=True)
class Machine:
    """An instance that runs."""

    instance_id: str
    pool: Pool
    market: CapacityType = CapacityType.ON_DEMAND


@dataclass
class ScriptedNode:
    name: str
    machine: Machine
    cordoned: bool = False


@dataclass
class ScriptedCluster:
    """Nodes and pods, and the agent.

    Parameters
    ----------
    alive
        The agent answers; switched off, actions stay where they are.
    drains
        Drains succeed.
    zones
        The account's zone names by their ids.
    """

    cluster_id: UUID
    organization_id: UUID
    key: SigningKey
    alive: bool = True
    drains: bool = True
    zones: dict[str, str] = field(
        default_factory=lambda: {f"use1-az{n}": f"us-east-1{'abcdef'[n - 1]}" for n in range(1, 7)}
    )
    nodes: dict[str, ScriptedNode] = field(default_factory=dict)
    pods: dict[str, str] = field(default_factory=dict)
    done: list[tuple[str, str]] = field(default_factory=list)
    group: str = "workers"
    group_label: str = "eks.amazonaws.com/nodegroup"
    pod_cpu: str = "500m"
    node_cpu: str = "3920m"
    node_memory: str = "14Gi"
    nonces: BoundedNonces = field(default_factory=BoundedNonces)

    def add(self, name: str, machine: Machine, *, pods: int = 0) -> None:
        """A node with pods."""
        self.nodes[name] = ScriptedNode(name=name, machine=machine)
        self.pods |= {f"{name}-{number}": name for number in range(pods)}

    def follow(self, running: Iterable[Machine]) -> None:
        """Instances that run become nodes, those that do not are none any more; their pods wait for a place."""
        machines = {one.instance_id: one for one in running}
        known = {node.machine.instance_id for node in self.nodes.values()}
        for machine in machines.values():
            if machine.instance_id not in known:
                self.add(f"node-of-{machine.instance_id}", machine)
        for name in [name for name, node in self.nodes.items() if node.machine.instance_id not in machines]:
            del self.nodes[name]
        self.pods = {pod: node if node in self.nodes else "" for pod, node in self.pods.items()}

    async def act(self, database: Database, tell: Tell, *, now: datetime) -> int:
        """Take what is queued, do it, report it."""
        if not self.alive:
            return 0
        async with database.tenant(self.organization_id) as tx:
            taken = await tx.actions.take_pending(self.cluster_id, now)
        for action in taken:
            error = await self.perform(action, now)
            status = ActionStatus.FAILED if error else ActionStatus.COMPLETED
            result = ActionResult(action_id=action.id, cluster_id=self.cluster_id, status=status, at=now, error=error)
            async with database.tenant(self.organization_id) as tx:
                await tx.actions.record(result)
            ended = Ended.FAILED if error else Ended.COMPLETED
            end = ActionFinished(id=f"end of {action.id}", at=now, action_id=str(action.id), ended=ended, error=error)
            await tell(self.cluster_id, end)
        return len(taken)

    def report(self, now: datetime) -> Report:
        """All objects as they are now."""
        return Report(
            cluster_id=self.cluster_id,
            organization_id=self.organization_id,
            at=now,
            full=ObjectSet.of([*map(self._node, self.nodes.values()), *map(self._pod, self.pods)]).to_bytes(),
        )

    async def perform(self, action: AgentAction, now: datetime) -> str:
        """Do one action; why it failed, empty when it did not."""
        self.believe(action, now)
        return self._do(action)

    def _do(self, action: AgentAction) -> str:
        name = str(action.payload["node"])
        self.done.append((action.kind, name))
        node = self.nodes.get(name)
        if node is None or node.machine.instance_id != action.payload.get("instance_id"):
            return "there is no such node"
        if action.kind is AgentActionKind.DRAIN:
            return self.drain(node)
        node.cordoned = action.kind is AgentActionKind.CORDON
        return ""

    def drain(self, node: ScriptedNode) -> str:
        """Move its pods; why that failed, empty when it did not."""
        if not self.drains:
            return "a budget forbids it"
        homes = [other.name for other in self.nodes.values() if not other.cordoned]
        self.pods = {
            pod: (homes[-1] if homes else "") if where == node.name else where for pod, where in self.pods.items()
        }
        return ""

    def believe(self, action: AgentAction, now: datetime) -> None:
        """Check who has signed it; raises when it was not the service."""
        signed = SignedAction(
            cluster=str(self.cluster_id),
            id=str(action.id),
            type=action.kind,
            payload=action.payload,
            expires_at=action.expires_at,
            nonce=action.nonce,
            key_id=action.key_id,
            signature=action.signature,
        )
        verify(signed, {self.key.id: self.key}, cluster=str(self.cluster_id), now=now, nonces=self.nonces)

    def _node(self, node: ScriptedNode) -> dict[str, object]:
        pool = node.machine.pool
        zone = self.zones[pool.zone_id]
        labels = {
            keys.INSTANCE_TYPE: pool.instance_type,
            keys.ZONE: zone,
            keys.ZONE_ID: pool.zone_id,
            keys.REGION: pool.region,
            keys.ARCH: "amd64",
            self.group_label: self.group,
            keys.EKS_CAPACITY_TYPE: node.machine.market.name,
        }
        return {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": node.name, "labels": labels},
            "spec": {"providerID": f"aws:///{zone}/{node.machine.instance_id}", "unschedulable": node.cordoned},
            "status": {
                "allocatable": {"cpu": self.node_cpu, "memory": self.node_memory, "pods": "29"},
                "conditions": [{"type": "Ready", "status": "True"}],
            },
        }

    def _pod(self, name: str) -> dict[str, object]:
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": name,
                "namespace": "shop",
                "labels": {"app": "web"},
                "ownerReferences": [{"kind": "ReplicaSet", "name": "web-1", "controller": True, "uid": "1"}],
            },
            "spec": {
                "nodeName": self.pods[name],
                "containers": [{"name": "web", "resources": {"requests": {"cpu": self.pod_cpu, "memory": "512Mi"}}}],
            },
            "status": {"phase": "Running" if self.pods[name] else "Pending"},
        }
