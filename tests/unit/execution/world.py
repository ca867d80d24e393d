"""AWS, a cluster and its agent in memory and in virtual time, with whatever can go wrong; a service that can be killed.

What an agent does and when nodes join is reckoned when somebody looks, so nothing runs by itself.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from actors.execution.backoff import PoolBackoff
from actors.execution.hands import Hands
from actors.execution.ports import ClusterLook, Membership, Order, Ruling, Standing, Where
from actors.execution.runner import Runner
from adapters.clock import VirtualClock
from adapters.postgres.memory import MemoryDatabase
from adapters.postgres.ports import Transaction
from domain.commands import AgentActionKind, ReportEvidence
from domain.errors import RejectedError, TransientError
from domain.fleet import Cluster
from domain.market import CapacityType, Pool
from domain.saga import (
    InstanceState,
    InstanceView,
    LaunchAnswer,
    Launched,
    LaunchFailure,
    LaunchOrder,
    LaunchRequest,
    NodeView,
    PoolFailure,
    PricedPool,
    Removal,
    SagaSpec,
    SagaStep,
    StoredSaga,
)
from domain.wire.actions import read_payload
from domain.work import ActionStatus
from tests.unit.postgres.builders import add_cluster

POOLS = tuple(Pool(region="us-east-1", zone_id=f"use1-az{n}", instance_type="m5.large") for n in (1, 2, 3))


@dataclass
class Mortal:
    """Counts what one life of the service does to the outside, and ends it at a given point."""

    dies_at: int = -1
    points: int = 0
    dead: bool = False

    async def point(self) -> None:
        """Go on, or never: what is dead does nothing more."""
        if self.dead or self.points == self.dies_at:
            self.dead = True
            await asyncio.Event().wait()
        self.points += 1


@dataclass
class Instance:
    id: str
    pool: Pool
    market: CapacityType
    tags: Mapping[str, str]
    launched_at: datetime
    asg: str = ""
    state: InstanceState = InstanceState.RUNNING


@dataclass
class KubeNode:
    name: str
    instance_id: str
    pods: int = 0
    cordoned: bool = False
    volumes_in_use: tuple[str, ...] = ()
    volumes_attached: tuple[str, ...] = ()


@dataclass
class Queued:
    order: Order
    at: datetime
    status: ActionStatus = ActionStatus.PENDING
    error: str = ""


@dataclass
class World:
    """The outside. Faults are switched by setting fields."""

    clock: Any
    database: Any
    cluster: Cluster
    instances: dict[str, Instance] = field(default_factory=dict)
    nodes: dict[str, KubeNode] = field(default_factory=dict)
    groups: dict[str, tuple[int, int]] = field(default_factory=dict)  # minimum, desired
    actions: dict[UUID, Queued] = field(default_factory=dict)
    evidence: list[ReportEvidence] = field(default_factory=list)
    launch_calls: list[LaunchRequest] = field(default_factory=list)
    held: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    node_pools_refuse: str = ""
    ruling: Ruling = Ruling.GO
    permit_asked: list[str] = field(default_factory=list)
    detached: list[str] = field(default_factory=list)
    by_token: dict[str, LaunchAnswer] = field(default_factory=dict)
    no_room: dict[tuple[Pool, CapacityType], LaunchFailure] = field(default_factory=dict)
    most_at_once: int = 1_000
    joins: bool = True
    agent_alive: bool = True
    agent_s: float = 2.0
    join_s: float = 60.0
    drain_fails: bool = False
    pending_pods: int = 0
    waiting: frozenset[str] = frozenset()
    throttled: int = 0
    lost_answers: int = 0
    revoked: bool = False
    skew: timedelta = timedelta(0)
    numbers: int = 0
    look_every_s: float = 5.0

    # Set-up

    def add_node(self, name: str, *, pods: int = 3, asg: str = "", **fields: Any) -> Removal:
        instance_id = f"i-{name}"
        self.instances[instance_id] = Instance(
            id=instance_id,
            pool=POOLS[0],
            market=CapacityType.ON_DEMAND,
            tags={},
            launched_at=self.clock.now(),
            asg=asg,
        )
        self.nodes[name] = KubeNode(name=name, instance_id=instance_id, pods=pods, **fields)
        if asg:
            low, size = self.groups.get(asg, (0, 0))
            self.groups[asg] = (low, size + 1)
        return Removal(node=name, instance_id=instance_id, asg=asg, price_micro_usd_per_h=100_000)

    # What is so now

    def running(self) -> set[str]:
        return {i.id for i in self.instances.values() if i.state in (InstanceState.RUNNING, InstanceState.PENDING)}

    def ours(self) -> set[str]:
        return {i.id for i in self.instances.values() if i.tags and i.id in self.running()}

    def launched_ever(self) -> int:
        return sum(bool(i.tags) for i in self.instances.values())

    def settle(self) -> None:
        """Let happen what has happened by now."""
        now = self.clock.now()
        known = {node.instance_id for node in self.nodes.values()}
        for instance in self.instances.values():
            is_node = instance.id in known
            old_enough = now - instance.launched_at >= timedelta(seconds=self.join_s)
            if self.joins and instance.tags and not is_node and old_enough and instance.state is InstanceState.RUNNING:
                self.nodes[f"node-of-{instance.id}"] = KubeNode(name=f"node-of-{instance.id}", instance_id=instance.id)
        running = self.running()
        for name in [n for n, node in self.nodes.items() if node.instance_id not in running]:
            del self.nodes[name]
        for queued in self.actions.values():
            self._act(queued, now)

    def _act(self, queued: Queued, now: datetime) -> None:
        if queued.status is not ActionStatus.PENDING:
            return
        if now >= queued.order.expires_at + self.skew:
            queued.status, queued.error = ActionStatus.EXPIRED, "Action expired"
        elif self.agent_alive and now - queued.at >= timedelta(seconds=self.agent_s):
            queued.status = ActionStatus.COMPLETED
            if queued.order.kind in (AgentActionKind.NARROW_NODE_POOLS, AgentActionKind.RESTORE_NODE_POOLS):
                self._change_node_pools(queued)
                return
            node = self.nodes.get(str(queued.order.payload["node"]))
            if node is None:
                queued.status, queued.error = ActionStatus.FAILED, "there is no such node"
            elif queued.order.kind is AgentActionKind.DRAIN:
                self._drain(queued, node)
            else:
                node.cordoned = queued.order.kind is AgentActionKind.CORDON

    def _change_node_pools(self, queued: Queued) -> None:
        payload = queued.order.payload
        read_payload(queued.order.kind, payload)
        if queued.order.kind is AgentActionKind.RESTORE_NODE_POOLS:
            self.held.pop(str(payload["hold"]), None)
        elif self.node_pools_refuse:
            queued.status, queued.error = ActionStatus.FAILED, self.node_pools_refuse
        else:
            self.held[str(payload["hold"])] = payload

    def _drain(self, queued: Queued, node: KubeNode) -> None:
        if self.drain_fails and node.pods:
            queued.status, queued.error = ActionStatus.FAILED, "a budget forbids it"
            return
        homes = [other for other in self.nodes.values() if not other.cordoned]
        if homes:
            homes[-1].pods += node.pods
        else:
            self.pending_pods += node.pods
        node.pods = 0


class Outside:
    """The ports of one life of the service."""

    def __init__(self, world: World, life: Mortal) -> None:
        self._world = world
        self._life = life

    # Ec2

    async def launch(self, request: LaunchRequest) -> LaunchAnswer:
        await self._begin()
        world = self._world
        world.launch_calls.append(request)
        if request.token not in world.by_token:
            world.by_token[request.token] = self._launch(request)
        return await self._ended(world.by_token[request.token])

    async def find(self, where: Where, *, tags: Mapping[str, str]) -> tuple[InstanceView, ...]:
        await self._begin()
        alive = [self._world.instances[id_] for id_ in sorted(self._world.ours())]
        return await self._ended(tuple(_view(one) for one in alive if tags.items() <= one.tags.items()))

    async def describe(self, where: Where, instance_ids: Sequence[str]) -> tuple[InstanceView, ...]:
        await self._begin()
        known = self._world.instances
        absent = InstanceState.ABSENT
        return await self._ended(
            tuple(
                _view(known[id_]) if id_ in known else InstanceView(instance_id=id_, state=absent)
                for id_ in instance_ids
            )
        )

    async def memberships(self, where: Where, instance_ids: Sequence[str]) -> Mapping[str, Membership]:
        await self._begin()
        of = {id_: self._world.instances[id_].asg for id_ in instance_ids if self._world.instances[id_].asg}
        sizes = self._world.groups
        return {id_: Membership(group=asg, minimum=sizes[asg][0], desired=sizes[asg][1]) for id_, asg in of.items()}

    async def terminate(self, where: Where, instance_id: str) -> None:
        await self._begin()
        self._world.instances[instance_id].state = InstanceState.ENDING
        await self._ended(None)

    async def terminate_in_asg(self, where: Where, instance_id: str, *, asg: str) -> None:
        await self._begin()
        low, size = self._world.groups[asg]
        if size <= low:
            raise RejectedError(f"group {asg} is at its minimum of {low}")
        self._world.groups[asg] = (low, size - 1)
        self._world.instances[instance_id].state = InstanceState.ENDING
        await self._ended(None)

    async def update_asg(self, where: Where, asg: str, *, minimum: int) -> None:
        await self._begin()
        self._world.groups[asg] = (minimum, self._world.groups[asg][1])
        await self._ended(None)

    async def detach_volume(self, where: Where, volume_id: str, *, instance_id: str) -> None:
        await self._begin()
        self._world.detached.append(volume_id)
        for node in self._world.nodes.values():
            assert volume_id not in node.volumes_in_use, "a mounted volume was detached"
            node.volumes_attached = tuple(one for one in node.volumes_attached if one != volume_id)
        await self._ended(None)

    # Kubernetes

    async def order(self, where: Where, order: Order) -> None:
        await self._life.point()
        self._world.actions.setdefault(order.action_id, Queued(order=order, at=self._world.clock.now()))
        await self._life.point()

    async def withdraw(self, where: Where, action_ids: Sequence[UUID], *, reason: str) -> None:
        await self._life.point()
        self._world.settle()
        for id_ in action_ids:
            queued = self._world.actions.get(id_)
            if queued is not None and queued.status is ActionStatus.PENDING:
                queued.status, queued.error = ActionStatus.FAILED, reason
        await self._life.point()

    async def standings(self, where: Where, action_ids: Sequence[UUID]) -> tuple[Standing, ...]:
        await self._life.point()
        self._world.settle()
        found = [(id_, self._world.actions[id_]) for id_ in action_ids if id_ in self._world.actions]
        return tuple(Standing(action_id=id_, status=one.status, error=one.error) for id_, one in found)

    async def look(self, where: Where, *, nodes: Sequence[str], instance_ids: Sequence[str]) -> ClusterLook:
        await self._life.point()
        world = self._world
        world.settle()
        now = world.clock.now() + world.skew
        wanted = [n for n in world.nodes.values() if n.name in nodes or n.instance_id in instance_ids]
        pending = world.waiting | {f"shop/evicted-{number}" for number in range(world.pending_pods)}
        return ClusterLook(nodes=tuple(_node_view(one, now) for one in wanted), pending_pods=pending, observed_at=now)

    # Permit and registry

    async def ask(self, where: Where, act: str) -> Ruling:
        await self._life.point()
        self._world.permit_asked.append(act)
        return self._world.ruling

    async def report(self, cluster_id: UUID, organization_id: UUID, evidence: ReportEvidence) -> None:
        self._world.evidence.append(evidence)

    async def _begin(self) -> None:
        await self._life.point()
        self._world.settle()
        if self._world.revoked:
            raise RejectedError("not authorised: the role was revoked")
        if self._world.throttled > 0:
            self._world.throttled -= 1
            raise TransientError("RequestLimitExceeded")

    async def _ended(self, answer: Any) -> Any:
        await self._life.point()
        if self._world.lost_answers > 0:
            self._world.lost_answers -= 1
            raise TransientError("timed out")
        return answer

    def _launch(self, request: LaunchRequest) -> LaunchAnswer:
        world, launched, failures = self._world, [], []
        for pool in request.pools:
            why = world.no_room.get((pool, request.capacity_type))
            if why is not None:
                failures.append(PoolFailure(pool=pool, failure=why, text=str(why)))
                continue
            while len(launched) < min(request.count, world.most_at_once):
                launched.append(self._boot(request, pool))
        return LaunchAnswer(launched=tuple(launched), failures=tuple(failures))

    def _boot(self, request: LaunchRequest, pool: Pool) -> Launched:
        world = self._world
        world.numbers += 1
        id_ = f"i-new-{world.numbers}"
        world.instances[id_] = Instance(
            id=id_, pool=pool, market=request.capacity_type, tags=request.tags, launched_at=world.clock.now()
        )
        return Launched(instance_id=id_, pool=pool, capacity_type=request.capacity_type)


class MortalDatabase(MemoryDatabase):
    """A database that a dying service can no longer reach; before or after its transaction ended."""

    def __init__(self, inner: MemoryDatabase, life: Mortal) -> None:
        self._inner = inner
        self._life = life

    @asynccontextmanager
    async def tenant(self, organization_id: UUID) -> AsyncIterator[Transaction]:
        await self._life.point()
        async with self._inner.tenant(organization_id) as tx:
            yield tx
        await self._life.point()

    @asynccontextmanager
    async def platform(self) -> AsyncIterator[Transaction]:
        await self._life.point()
        async with self._inner.platform() as tx:
            yield tx


@dataclass
class Service:
    """One life of the service."""

    world: World
    life: Mortal
    runner: Runner
    backoff: PoolBackoff

    async def until_ended(self, saga_id: UUID, *, most_s: int = 9_000) -> StoredSaga | None:
        """Turn the clock until a saga has ended; ``None`` when the service died before."""
        every_s = self.world.look_every_s
        for _ in range(int(most_s / every_s)):
            found = await saga_of(self.world, saga_id)
            if self.life.dead:
                return None
            if found is not None and found.ended_at is not None:
                return found
            await self.world.clock.advance(every_s)
        raise AssertionError("it never ended")


async def make_world() -> World:
    database = MemoryDatabase()
    clock = VirtualClock(datetime.fromisoformat("2026-06-01T12:00:00+00:00"))
    return World(clock=clock, database=database, cluster=await add_cluster(database))


def make_service(world: World, *, dies_at: int = -1, backoff: PoolBackoff | None = None) -> Service:
    life = Mortal(dies_at=dies_at)
    outside = Outside(world, life)
    backoff = backoff or PoolBackoff()
    hands = Hands(ec2=outside, kubernetes=outside, permit=outside, registry=outside, backoff=backoff, clock=world.clock)
    runner = Runner(MortalDatabase(world.database, life), hands, world.clock, look_every_s=world.look_every_s)
    return Service(world=world, life=life, runner=runner, backoff=backoff)


def make_order(name: str = "new-1", **fields: Any) -> LaunchOrder:
    defaults: dict[str, Any] = {
        "name": name,
        "template": "general",
        "spot": tuple(PricedPool(pool=pool, price_micro_usd_per_h=30_000) for pool in POOLS),
        "on_demand": (PricedPool(pool=POOLS[0], price_micro_usd_per_h=100_000),),
        "planned_micro_usd_per_h": 30_000,
    }
    return LaunchOrder(**(defaults | fields))


def make_spec(world: World, **fields: Any) -> SagaSpec:
    now = world.clock.now()
    defaults: dict[str, Any] = {
        "id": uuid5(world.cluster.id, "saga"),
        "organization_id": world.cluster.organization_id,
        "cluster_id": world.cluster.id,
        "observed_at": now,
        "stale_at": now + timedelta(seconds=300),
        "reason": "cheaper",
        "plan_generation": 1,
        "promised_micro_usd_per_h": 0,
    }
    return SagaSpec(**(defaults | fields))


def replacing(world: World, *names: str, **fields: Any) -> SagaSpec:
    """A saga that replaces each of these nodes by a new one."""
    orders = tuple(make_order(f"new-{name}") for name in names)
    removals = tuple(replace(world.add_node(name), after=(f"new-{name}",)) for name in names)
    return make_spec(world, **({"launches": orders, "removals": removals} | fields))


async def saga_of(world: World, saga_id: UUID) -> StoredSaga | None:
    async with world.database.platform() as tx:
        return await tx.sagas.get(saga_id)


async def steps_of(world: World, saga_id: UUID) -> tuple[SagaStep, ...]:
    async with world.database.platform() as tx:
        return await tx.sagas.steps(saga_id)


def launches_by_pool(world: World) -> Counter[Pool]:
    return Counter(pool for request in world.launch_calls for pool in request.pools)


def _view(one: Instance) -> InstanceView:
    return InstanceView(
        instance_id=one.id,
        state=one.state,
        tags=one.tags,
        launched_at=one.launched_at,
        pool=one.pool,
        capacity_type=one.market,
    )


def _node_view(one: KubeNode, now: datetime) -> NodeView:
    return NodeView(
        name=one.name,
        instance_id=one.instance_id,
        ready=True,
        cordoned=one.cordoned,
        evictable_pods=one.pods,
        observed_at=now,
        volumes_in_use=one.volumes_in_use,
        volumes_attached=one.volumes_attached,
    )
