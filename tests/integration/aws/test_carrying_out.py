"""From an account to a cheaper cluster: discovered, planned, approved, carried out in a world of AWS, on PostgreSQL."""

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from actors.accounts.discovery import Discoverer
from actors.cluster.inputs import AgentReported, AskedBy, OptimiseRequested, PlanApproved
from actors.execution.agents import ConfigPermit
from actors.execution.aws import AccountEc2
from actors.execution.orphans import OrphanSweep
from actors.execution.sites import AccountSites
from actors.hosting.host import Host
from actors.planning.make import make_plan
from actors.planning.order import PlanAnswer, PlanOrder
from actors.services import Services
from adapters.aws.clients import Clients
from adapters.aws.discovery.discovery import BotoDiscovery
from adapters.aws.executor.executor import BotoExecutor
from adapters.aws.memory import MemoryAws
from adapters.aws.ports.access import Place
from adapters.clock import SystemClock
from adapters.postgres.pool import PoolSettings, PostgresDatabase
from adapters.postgres.seed import seed_defaults
from adapters.redis.hub import memory_hub
from adapters.settings import load_keys, load_settings
from demo.aws import fill
from demo.aws.fill import Customer
from domain.audit import AuditQuery
from domain.commands import PlanStatus
from domain.events import INTERRUPTION_NOTICE, SpotInterruption
from domain.fleet import PolicySection
from domain.market import CapacityType, Pool
from domain.paging import PageRequest
from domain.saga import OPEN_SAGAS, SagaStatus, StepStatus, StoredSaga
from domain.work import JobStatus, StoredPlan
from solvers.placement import warm_up
from tests.integration.aws.conftest import Here
from tests.scripted_cluster import Machine, ScriptedCluster
from tests.unit.aws.builders import REGION
from tests.unit.platform_world import ACCOUNT, CLUSTER, ORGANIZATION, SIGNING, HandRegistry, sign_up

DEADLINE_S = 120.0
TURN_S = 0.1
JOB, APPROVAL = UUID(int=77), UUID(int=78)


class TaskPlanner:
    """Plans as the planning task does, in a thread."""

    async def plan(self, order: PlanOrder) -> PlanAnswer:
        return await asyncio.to_thread(make_plan, order)

    async def cancel(self, request: str) -> None:
        return


class WorldAws(MemoryAws):
    """Discovery and executors against the world."""

    def __init__(self, clients: Clients, clock: SystemClock) -> None:
        super().__init__(clock)
        self._clients = clients
        self.discovery = BotoDiscovery(clients, clock)  # type: ignore[assignment]

    def executor(self, place: Place) -> BotoExecutor:  # type: ignore[override]
        return BotoExecutor(self._clients, place, self._clock)


@dataclass
class Scene:
    """Everything together, and an agent that acts and reports ten times a second."""

    services: Services
    owner: Customer
    cluster: ScriptedCluster
    host: Host

    def another_host(self) -> Host:
        """A host that knows nothing but what is stored."""
        ec2 = AccountEc2(AccountSites(self.services), ConfigPermit(self.services))
        return Host(self.services, planner=TaskPlanner(), registry=HandRegistry(), ec2=ec2)

    def machines(self) -> list[Machine]:
        return [
            Machine(
                one["InstanceId"],
                Pool(region=REGION, zone_id=self._zone_id(one), instance_type=one["InstanceType"]),
                CapacityType.SPOT if one.get("InstanceLifecycle") == "spot" else CapacityType.ON_DEMAND,
            )
            for one in self.instances()
        ]

    def instances(self) -> list[dict[str, Any]]:
        running = [{"Name": "instance-state-name", "Values": ["pending", "running"]}]
        pages = self.owner.client("ec2", REGION).describe_instances(Filters=running)["Reservations"]
        return [one for page in pages for one in page["Instances"]]

    async def turn(self) -> None:
        now = self.services.clock.now()
        self.cluster.follow(await asyncio.to_thread(self.machines))
        await self.cluster.act(self.services.database, self.host.tell, now=now)
        await self.host.report(self.cluster.report(now))
        await asyncio.sleep(TURN_S)

    async def plan(self) -> StoredPlan | None:
        async with self.services.database.tenant(ORGANIZATION) as tx:
            page = await tx.plans.of_cluster(CLUSTER, PageRequest())
            return await tx.plans.get(page.items[0].id) if page.items else None

    async def saga(self) -> StoredSaga | None:
        async with self.services.database.tenant(ORGANIZATION) as tx:
            page = await tx.sagas.of_cluster(CLUSTER, PageRequest())
        return page.items[0] if page.items else None

    async def until_planned(self) -> StoredPlan:
        async with asyncio.timeout(DEADLINE_S):
            while (plan := await self.plan()) is None:
                await self.turn()
            return plan

    async def until_ended(self) -> StoredSaga:
        async with asyncio.timeout(DEADLINE_S):
            while (saga := await self.saga()) is None or saga.status in OPEN_SAGAS:
                await self.turn()
            while (await self.host.view(CLUSTER)).executing_generation is not None:
                await self.turn()
            return saga

    async def optimise(self) -> StoredPlan:
        now = self.services.clock.now()
        await self.host.tell(CLUSTER, OptimiseRequested(id="ask", at=now, job=str(JOB), by=AskedBy.USER))
        return await self.until_planned()

    async def use(self, mode: str) -> None:
        async with self.services.database.platform() as tx:
            now = self.services.clock.now()
            await tx.policies.set_section(CLUSTER, PolicySection.STRATEGY, {"mode": mode}, now=now)

    async def safe_mode(self, value: str) -> None:
        async with self.services.database.platform() as tx:
            await tx.config.set("SAFE_MODE", value, by="admin", now=self.services.clock.now())
        await self.host.refresh_all()
        await self.turn()

    async def approve(self, plan: StoredPlan) -> None:
        now = self.services.clock.now()
        approved = PlanApproved(id="ok", at=now, generation=plan.generation, job=str(APPROVAL), by="ann@example.com")
        await self.host.tell(CLUSTER, approved)

    def _zone_id(self, instance: dict[str, Any]) -> str:
        names = {name: zone_id for zone_id, name in self.cluster.zones.items()}
        return names[instance["Placement"]["AvailabilityZone"]]


@pytest.fixture
async def scene(
    here: Here, owner: Customer, clients: Clients, database_url: str, tmp_path: Path
) -> AsyncIterator[Scene]:
    """Three nodes of a group, each with a pod that fills it; every plan waits for approval."""
    warm_up()
    clock = SystemClock()
    filled = fill.add_cluster(owner, REGION, "web", nodes=3)
    key = base64.b64encode(bytes(32)).decode()
    settings = load_settings(
        {"data_dir": tmp_path, "session_keys": key, "encryption_keys": key, "plan_time_limit_s": 20.0}
    )
    database = await PostgresDatabase.connect(database_url, PoolSettings(connections=6))
    await seed_defaults(database, now=clock.now())
    services = Services(
        settings=settings,
        keys=load_keys(settings),
        clock=clock,
        database=database,
        hub=memory_hub(clock),
        aws=WorldAws(clients, clock),
    )
    await sign_up(services)
    async with database.platform() as tx:
        account = await tx.accounts.get(ACCOUNT)
        await tx.policies.set_section(CLUSTER, PolicySection.STRATEGY, {"mode": "approve"}, now=clock.now())
    assert account is not None
    here.world.external_ids[account.role_arn] = account.external_id
    cluster = ScriptedCluster(
        cluster_id=CLUSTER,
        organization_id=ORGANIZATION,
        key=SIGNING,
        group=filled.group,
        node_cpu="1930m",
        node_memory="7Gi",
        pod_cpu="1500m",
    )
    cluster.zones = zones_of(owner)
    scene = Scene(services=services, owner=owner, cluster=cluster, host=None)  # type: ignore[arg-type]
    for machine in scene.machines():
        cluster.add(f"node-of-{machine.instance_id}", machine, pods=1)
    said = await Discoverer(services).look(ORGANIZATION, ACCOUNT)
    assert said.startswith("1 clusters, 3 instances"), said
    scene.host = scene.another_host()
    scene.host.start()
    await scene.turn()
    yield scene
    await scene.host.close()
    await database.close()


def zones_of(owner: Customer) -> dict[str, str]:
    """Names of the zones by id."""
    zones = owner.client("ec2", REGION).describe_availability_zones()["AvailabilityZones"]
    return {zone["ZoneId"]: zone["ZoneName"] for zone in zones}


async def test_a_plan_is_made_approved_and_carried_out(scene: Scene) -> None:
    before = {machine.instance_id for machine in scene.machines()}
    plan = await scene.optimise()
    assert plan.status is PlanStatus.AWAITING_APPROVAL
    assert plan.planned_cost_micro_usd_per_h < plan.cost_micro_usd_per_h
    await scene.approve(plan)
    saga = await scene.until_ended()
    assert (saga.status, saga.reason) == (SagaStatus.DONE, "")

    after = scene.instances()
    launched = [one for one in after if one["InstanceId"] not in before]
    assert launched
    assert all(_tags(one)["spotopt:saga"] == str(saga.id) for one in launched)
    gone = before - {one["InstanceId"] for one in after}
    assert gone
    (group,) = scene.owner.client("autoscaling", REGION).describe_auto_scaling_groups()["AutoScalingGroups"]
    assert group["DesiredCapacity"] == len(before) - len(gone)
    orders = [(kind, f"node-of-{one}") for one in gone for kind in ("cordon_node", "drain_node")]
    assert sorted(scene.cluster.done) == sorted(orders)
    assert all(scene.cluster.pods.values())

    async with scene.services.database.tenant(ORGANIZATION) as tx:
        done = await tx.plans.get(plan.id)
        job = await tx.jobs.get(APPROVAL)
        steps = await tx.sagas.steps(saga.id)
        log = await tx.audit.page(ORGANIZATION, AuditQuery(), PageRequest(limit=200))
        chain = await tx.audit.verify(ORGANIZATION)
    assert done is not None
    assert job is not None
    assert (done.status, job.status) == (PlanStatus.DONE, JobStatus.COMPLETED)
    assert all(step.status is StepStatus.DONE for step in steps)
    told = {row.entry.event: row.entry.actor for row in log.items}
    assert told["plan_approved"] == "ann@example.com"
    assert told["launch"] == told["terminate"] == "System (Boto3)"
    assert told["cordon"] == told["drain"] == "System (Queued for Agent)"
    assert {"plan_started", "saga_done", "plan_done"} <= told.keys()
    assert chain.sound
    ec2 = AccountEc2(AccountSites(scene.services), ConfigPermit(scene.services))
    assert await OrphanSweep(scene.services, ec2).run(scene.services.clock.now()) == ""


def _tags(instance: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in instance["Tags"]}


async def test_a_host_that_dies_after_the_launch_is_followed_by_another_and_nothing_is_launched_twice(
    scene: Scene, here: Here
) -> None:
    before = {machine.instance_id for machine in scene.machines()}
    plan = await scene.optimise()
    launches = sum(len(part["proposal"]["launches"]) for part in _chosen(plan))
    await scene.approve(plan)
    async with asyncio.timeout(DEADLINE_S):
        while here.world.counts()["CreateFleet"] == 0:
            await asyncio.sleep(0.02)
    await scene.host.close()
    scene.host = scene.another_host()
    scene.host.start()
    saga = await scene.until_ended()
    assert (saga.status, saga.reason) == (SagaStatus.DONE, "")
    launched = {one["InstanceId"] for one in scene.instances()} - before
    assert len(launched) == launches


async def test_a_node_that_aws_takes_is_emptied_at_once_and_its_replacement_launched_by_a_saga(scene: Scene) -> None:
    await scene.use("automatic")
    before = scene.machines()
    lost, now = before[0], scene.services.clock.now()
    notice = SpotInterruption(
        id="notice",
        cluster=str(CLUSTER),
        at=now,
        instance_id=lost.instance_id,
        pool=lost.pool,
        node=f"node-of-{lost.instance_id}",
        terminate_at=now + INTERRUPTION_NOTICE,
    )
    await scene.host.tell(CLUSTER, AgentReported(id="notice", at=now, event=notice))
    saga = await scene.until_ended()
    assert (saga.status, saga.reason) == (SagaStatus.DONE, "")
    assert scene.cluster.done == [("cordon_node", notice.node), ("drain_node", notice.node)]
    after = {machine.instance_id for machine in scene.machines()}
    assert lost.instance_id not in after
    assert len(after) == len(before)
    (group,) = scene.owner.client("autoscaling", REGION).describe_auto_scaling_groups()["AutoScalingGroups"]
    assert group["DesiredCapacity"] == len(before) - 1


async def test_safe_mode_stops_a_plan_on_the_way_and_it_is_undone_once_it_is_off(scene: Scene) -> None:
    machines_before = {machine.instance_id for machine in scene.machines()}
    plan = await scene.optimise()
    scene.cluster.drains = False
    await scene.approve(plan)
    async with asyncio.timeout(DEADLINE_S):
        while not scene.cluster.done:
            await scene.turn()
    await scene.safe_mode("TRUE")
    told, machines = list(scene.cluster.done), {one.instance_id for one in scene.machines()}
    for _ in range(20):
        await scene.turn()
    assert (scene.cluster.done, {one.instance_id for one in scene.machines()}) == (told, machines)
    scene.cluster.drains = True
    await scene.safe_mode("FALSE")
    saga = await scene.until_ended()
    assert saga.status is SagaStatus.UNDONE, saga.reason
    running = {machine.instance_id for machine in scene.machines()}
    assert not [
        name
        for name, node in scene.cluster.nodes.items()
        if node.cordoned and node.machine.instance_id in running & machines_before
    ]


async def test_credentials_that_are_revoked_stop_the_plan_and_say_so(scene: Scene, here: Here) -> None:
    plan = await scene.optimise()
    here.world.denied.add("ec2:CreateFleet")
    await scene.approve(plan)
    saga = await scene.until_ended()
    assert saga.status is SagaStatus.UNDONE
    assert "ec2:CreateFleet" in saga.reason
    ended = await scene.plan()
    assert ended is not None
    assert (ended.status, ended.status_reason) == (PlanStatus.FAILED, saga.reason)


def _chosen(plan: StoredPlan) -> list[dict[str, Any]]:
    decision: Any = plan.body["decision"]
    return list(decision["chosen"])
