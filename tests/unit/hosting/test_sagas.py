"""Plans carried out by the host of a cluster, whatever happens to the host on the way."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from uuid import UUID

import orjson
import pytest

from actors.cluster.inputs import AskedBy, OptimiseRequested, PlanApproved
from actors.cluster.records import Leaving, Mode
from actors.execution.ports import Where
from actors.hosting.host import Host
from actors.planning.order import PlanAnswer, PlanOrder
from adapters.aws.memory.executor import with_group
from adapters.aws.ports.executor import Ec2Executor, GroupSize, InstanceStatus
from adapters.redis.keys import cluster_events
from domain.audit import AuditQuery
from domain.commands import PlanStatus
from domain.documents.plan_json import plan_to_json
from domain.errors import TransientError
from domain.market import CapacityType, Pool
from domain.paging import PageRequest
from domain.plan import Reason
from domain.proposal import Module, Proposal, ProposedLaunch, RatedPool
from domain.saga import OPEN_SAGAS, InstanceState, SagaStatus, StoredSaga
from domain.work import JobStatus, StoredPlan
from solvers.decision import Chosen, Decision
from tests.builders import make_node as domain_node
from tests.builders import make_plan, make_snapshot
from tests.scripted_cluster import Machine, ScriptedCluster
from tests.unit.hosting.test_host import ask_for_plan, interruption, use_mode
from tests.unit.platform_world import ACCOUNT, CLUSTER, ORGANIZATION, SIGNING, World

POOL = Pool(region="us-east-1", zone_id="use1-az6", instance_type="m5.xlarge")
SPOT = tuple(replace(POOL, instance_type=kind) for kind in ("m5.large", "m5a.large", "m6i.large"))
LOOK_S = 5.0


@dataclass
class Ground:
    """The cluster, its instances and whoever hosts it."""

    world: World
    cluster: ScriptedCluster
    host: Host

    async def turn(self) -> None:
        """Five seconds go by: instances become nodes, the agent acts and reports."""
        world = self.world
        await world.clock.advance(LOOK_S)
        running = [one for one in world.sites.cloud.instances.values() if not one.ends]
        self.cluster.follow(
            Machine(one.instance_id, one.pool or POOL, one.capacity_type or CapacityType.ON_DEMAND) for one in running
        )
        await self.cluster.act(world.services.database, self.host.tell, now=world.clock.now())
        await self.host.report(self.cluster.report(world.clock.now()))

    async def until(self, so: Callable[[], bool], *, most: int = 400) -> None:
        """Turn until something is so."""
        for _ in range(most):
            if so():
                return
            await self.turn()
        raise AssertionError("it never came to be so")

    async def saga(self) -> StoredSaga | None:
        async with self.world.services.database.tenant(ORGANIZATION) as tx:
            page = await tx.sagas.of_cluster(CLUSTER, PageRequest())
        return page.items[0] if page.items else None

    async def ended(self) -> StoredSaga:
        for _ in range(1_000):
            found = await self.saga()
            if found is not None and found.status not in OPEN_SAGAS:
                await self.turn()
                return found
            await self.turn()
        raise AssertionError("the saga never ended")

    async def plans(self) -> tuple[StoredPlan, ...]:
        async with self.world.services.database.tenant(ORGANIZATION) as tx:
            return (await tx.plans.of_cluster(CLUSTER, PageRequest())).items

    async def plan(self) -> StoredPlan:
        async with self.world.services.database.tenant(ORGANIZATION) as tx:
            (plan, *_) = (await tx.plans.of_cluster(CLUSTER, PageRequest())).items
            found = await tx.plans.get(plan.id)
        assert found is not None
        return found

    def launched(self) -> list[str]:
        return [name for name, one in self.world.sites.cloud.instances.items() if one.tags]

    def state_of(self, name: str) -> InstanceState:
        return self.world.sites.cloud.instances[f"i-{name}"].state


@pytest.fixture
async def ground(world: World) -> Ground:
    """Two nodes of a group, one of which is replaced by every plan."""
    cluster = ScriptedCluster(cluster_id=CLUSTER, organization_id=ORGANIZATION, key=SIGNING)
    machines = [_machine("n1"), _machine("n2")]
    with_group(world.sites.cloud, "workers", GroupSize(min=2, max=5, desired=2), machines)
    for machine in machines:
        name = machine.instance_id.removeprefix("i-")
        cluster.add(name, Machine(machine.instance_id, POOL), pods=2)
    world.planner.make = replacing
    world.host.start()
    await use_mode(world, Mode.AUTOMATIC)
    return Ground(world=world, cluster=cluster, host=world.host)


def _machine(name: str) -> InstanceStatus:
    return InstanceStatus(
        instance_id=f"i-{name}",
        state=InstanceState.RUNNING,
        pool=POOL,
        capacity_type=CapacityType.ON_DEMAND,
        cluster_names=("web",),
    )


def replacing(order: PlanOrder) -> PlanAnswer:
    """Node n1 by a cheaper one, or what goes."""
    names = sorted(order.circumstances.going) or ["n1"]
    module = Module.INTERRUPTION if order.circumstances.going else Module.PACKING
    snapshot = make_snapshot([domain_node("n1"), domain_node("n2")], [])
    plan = replace(make_plan(snapshot), generation=order.generation, parent=order.parent)
    launch = ProposedLaunch(
        name="new-1",
        template="workers",
        spot=tuple(RatedPool(pool=pool, price_usd_per_h=0.03) for pool in SPOT),
        on_demand=(RatedPool(pool=SPOT[0], price_usd_per_h=0.04),),
    )
    proposal = Proposal(
        id=f"{module} {names[0]}",
        module=module,
        observed_at=order.observed_at,
        reason=Reason(code=module, text=f"replaces {names[0]}"),
        removes=tuple(names),
        launches=(launch,),
        evictions=2,
        saving_usd_per_h=0.1,
    )
    chosen = Chosen(proposal=proposal, reason=proposal.reason, payback_h=1.0)
    return PlanAnswer(
        request=order.request,
        cluster=order.cluster,
        plan=plan,
        document=plan_to_json(plan).encode(),
        decision=Decision(chosen=(chosen,), refused=(), fallbacks=()),
        leaving=tuple(Leaving(node=name, instance_id=f"i-{name}", template="workers") for name in names),
    )


async def test_a_plan_is_carried_out_to_its_end(ground: Ground) -> None:
    await ground.turn()
    job = await ask_for_plan(ground.world)
    saga = await ground.ended()
    assert (saga.status, saga.reason) == (SagaStatus.DONE, "")
    assert ground.cluster.done == [("cordon_node", "n1"), ("drain_node", "n1")]
    assert ground.state_of("n1") is InstanceState.ENDING
    assert len(ground.launched()) == 1
    assert (await ground.plan()).status is PlanStatus.DONE
    async with ground.world.services.database.tenant(ORGANIZATION) as tx:
        done = await tx.jobs.get(job)
        log = await tx.audit.page(ORGANIZATION, AuditQuery(), PageRequest(limit=100))
    assert done is not None
    assert done.status is JobStatus.COMPLETED
    told = [row.entry.event for row in log.items]
    assert {"plan_started", "launch", "cordon", "drain", "terminate", "saga_done", "plan_done"} <= set(told)
    assert (await ground.host.view(CLUSTER)).executing_generation is None


async def test_the_minimum_of_a_group_is_lowered_where_it_would_not_let_a_node_go(ground: Ground) -> None:
    await ground.turn()
    await ask_for_plan(ground.world)
    assert (await ground.ended()).status is SagaStatus.DONE
    assert ground.world.sites.cloud.groups["workers"].size == GroupSize(min=1, max=5, desired=1)


async def test_a_plan_that_awaits_approval_begins_with_it(ground: Ground) -> None:
    await use_mode(ground.world, Mode.APPROVE)
    await ground.turn()
    await ask_for_plan(ground.world)
    await ground.turn()
    assert (await ground.plan()).status is PlanStatus.AWAITING_APPROVAL
    assert await ground.saga() is None
    now = ground.world.clock.now()
    await ground.host.tell(CLUSTER, PlanApproved(id="ok", at=now, generation=1, job=str(UUID(int=78)), by="ann"))
    assert (await ground.ended()).status is SagaStatus.DONE


async def test_steps_are_told_to_whoever_watches(ground: Ground) -> None:
    await ground.turn()
    async with ground.world.services.hub.bus.subscribe(cluster_events(str(CLUSTER))) as heard:
        await ask_for_plan(ground.world)
        await ground.ended()
        told = []
        while not told or told[-1].get("topic") != "plan_done":
            told.append(orjson.loads((await anext(heard)).body))
    steps = [one["data"] for one in told if one["topic"] == "plan_progress"]
    done = [step["kind"] for step in steps if step["status"] == "done"]
    assert done == [
        "check", "launch", "join", "cordon", "drain", "empty", "detach", "resize", "terminate", "gone",
    ]  # fmt: skip


async def test_a_cluster_with_a_plan_under_way_is_not_put_to_sleep(ground: Ground) -> None:
    await ground.turn()
    await ask_for_plan(ground.world)
    ground.cluster.alive = False
    await ground.world.clock.advance(ground.world.services.settings.cluster_idle_s + 1)
    assert await ground.host.sweep() == 0


@pytest.mark.parametrize("turns", range(12))
async def test_a_host_that_dies_on_the_way_is_followed_by_another_and_nothing_is_launched_twice(
    ground: Ground, turns: int
) -> None:
    await ground.turn()
    await ask_for_plan(ground.world)
    for _ in range(turns):
        await ground.turn()
    await ground.host.close()
    ground.host = ground.world.another_host()
    ground.host.start()
    assert (await ground.ended()).status is SagaStatus.DONE
    assert len(ground.launched()) == 1
    assert ground.state_of("n1") is InstanceState.ENDING
    assert (await ground.plan()).status is PlanStatus.DONE
    assert (await ground.host.view(CLUSTER)).executing_generation is None
    await ground.host.close()


async def test_safe_mode_stops_a_plan_on_the_way_and_the_way_back_waits_until_it_is_off(ground: Ground) -> None:
    await ground.turn()
    await ask_for_plan(ground.world)
    ground.cluster.drains = False
    await ground.until(lambda: ("cordon_node", "n1") in ground.cluster.done)
    await _switch(ground, "TRUE")
    before, ground.cluster.drains = list(ground.cluster.done), True
    for _ in range(12):
        await ground.turn()
    assert ground.cluster.done == before
    assert len(ground.launched()) == 1
    await _switch(ground, "FALSE")
    assert (await ground.ended()).status is SagaStatus.UNDONE
    assert not ground.cluster.nodes["n1"].cordoned
    assert set(ground.cluster.nodes) == {"n1", "n2"}
    plan = await ground.plan()
    assert plan.status is PlanStatus.FAILED
    assert plan.status_reason


async def _switch(ground: Ground, value: str) -> None:
    services = ground.world.services
    async with services.database.platform() as tx:
        await tx.config.set("SAFE_MODE", value, by="admin", now=services.clock.now())
    await ground.host.refresh_all()


async def test_in_safe_mode_a_plan_is_only_rehearsed(ground: Ground) -> None:
    await ground.turn()
    await _switch(ground, "TRUE")
    await ground.turn()
    await ask_for_plan(ground.world)
    assert (await ground.ended()).status is SagaStatus.DRY_RUN
    assert (ground.launched(), ground.cluster.done) == ([], [])
    assert (await ground.plan()).status is PlanStatus.DRY_RUN


async def test_a_node_that_aws_takes_is_emptied_at_once_and_replaced_by_a_saga(ground: Ground) -> None:
    await ground.turn()
    await ground.host.tell(CLUSTER, interruption(ground.world))
    await ground.world.clock.advance(0)
    saga = await ground.ended()
    assert (saga.status, saga.reason) == (SagaStatus.DONE, "")
    assert ground.cluster.done == [("cordon_node", "n1"), ("drain_node", "n1")]
    assert len(ground.launched()) == 1
    assert ground.world.sites.cloud.groups["workers"].size.desired == 1


async def test_a_plan_that_is_stopped_before_it_could_be_begun_is_never_begun(ground: Ground) -> None:
    sites, away = ground.world.sites, TransientError("AWS is away")
    find = sites.executor

    async def nobody(where: Where) -> Ec2Executor:
        raise away

    sites.executor = nobody  # type: ignore[method-assign]
    await ground.turn()
    await ask_for_plan(ground.world)
    await ground.host.tell(CLUSTER, interruption(ground.world))
    ground.world.planner.make = nothing
    sites.executor = find  # type: ignore[method-assign]
    for _ in range(3):
        await ground.turn()
    assert await ground.saga() is None
    plan = (await ground.plans())[-1]
    assert (plan.status, plan.status_reason) == (PlanStatus.FAILED, "node n1 goes: AWS takes it")


def nothing(order: PlanOrder) -> PlanAnswer:
    return PlanAnswer(request=order.request, cluster=order.cluster, failure="nothing prepared")


async def test_a_plan_that_cannot_be_begun_for_long_is_given_up(ground: Ground) -> None:
    async def nobody(where: Where) -> Ec2Executor:
        raise TransientError("AWS is away")

    ground.world.sites.executor = nobody  # type: ignore[method-assign]
    await ground.turn()
    await ask_for_plan(ground.world)
    for _ in range(70):
        await ground.turn()
    plan = await ground.plan()
    assert (plan.status, plan.status_reason) == (PlanStatus.FAILED, "it could not be begun: AWS is away")


async def test_without_an_account_a_plan_is_recommended_and_says_why(ground: Ground) -> None:
    await ground.turn()
    await link(ground, None)
    await ask_for_plan(ground.world)
    plan = await ground.plan()
    assert plan.status is PlanStatus.RECOMMENDED
    assert plan.status_reason == "it cannot be carried out: no AWS account is linked to the cluster"
    assert await ground.saga() is None


async def test_once_an_account_is_linked_the_next_plan_is_carried_out(ground: Ground) -> None:
    await link(ground, None)
    await ground.turn()
    await ask_for_plan(ground.world)
    assert await ground.saga() is None
    await link(ground, ACCOUNT)
    await ask_for_plan_again(ground)
    assert (await ground.ended()).status is SagaStatus.DONE


async def link(ground: Ground, account_id: UUID | None) -> None:
    """The record of the cluster as it is from now on, in the database and nowhere else."""
    async with ground.world.services.database.platform() as tx:
        view = tx.clusters._view  # type: ignore[attr-defined]
        cluster = await tx.clusters.get(CLUSTER)
        assert cluster is not None
        view.put(CLUSTER, replace(cluster, account_id=account_id))


async def test_capacity_that_is_lacking_is_remembered_for_the_next_decision(ground: Ground) -> None:
    for pool in SPOT:
        ground.world.sites.cloud.rooms[pool] = 0
    await ground.turn()
    await ask_for_plan(ground.world)
    await ground.until(lambda: bool(ground.world.sites.cloud.orders))
    ground.world.sites.cloud.rooms.clear()
    await ground.ended()
    await ask_for_plan_again(ground)
    past = ground.world.planner.orders[-1].circumstances.past
    assert {one.pool for one in past.capacity_failures} == set(SPOT)
    assert [one.template for one in past.disruptions] == ["workers"]


async def ask_for_plan_again(ground: Ground) -> None:
    now = ground.world.clock.now()
    again = OptimiseRequested(id="again", at=now, job=str(UUID(int=79)), by=AskedBy.USER)
    await ground.host.tell(CLUSTER, again)
    await asyncio.sleep(0)
    await ground.world.clock.advance(0)
