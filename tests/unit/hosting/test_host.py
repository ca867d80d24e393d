"""A host of clusters over twins: what is stored together, what survives, what is told to whom."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from actors.cluster.inputs import (
    AgentReported,
    AskedBy,
    OptimiseRequested,
    PolicyChanged,
)
from actors.cluster.records import ClusterSettings, Leaving, Mode
from actors.hosting.host import Host
from actors.hosting.ports import Report
from actors.hosting.usage import Used, pack
from actors.planning.order import PlanAnswer, PlanOrder
from adapters.redis.keys import agent_command, cluster_events
from domain import labels as keys
from domain.commands import AgentActionKind, PlanStatus
from domain.delta import ObjectSet, make_delta
from domain.documents.plan_json import plan_to_json
from domain.errors import RejectedError, TransientError
from domain.events import INTERRUPTION_NOTICE, OomKilled, SpotInterruption
from domain.fleet import PolicySection
from domain.market import Pool
from domain.paging import PageRequest
from domain.plan import Reason
from domain.proposal import Module, Proposal
from domain.signing import BoundedNonces, SignedAction, verify
from domain.units import GIB, MIB
from domain.wire.messages import ContainerUsage, NodeUsage, PodUsage
from domain.work import ActionResult, ActionStatus, Job, JobStatus, JobTrigger
from domain.workload import Owner
from solvers.decision import Chosen, Decision
from tests.builders import cordon, evict, make_pod, make_snapshot, terminate
from tests.builders import make_node as domain_node
from tests.builders import make_plan as domain_plan
from tests.unit.planning.test_desk import settle
from tests.unit.platform_world import CLUSTER, ORGANIZATION, SIGNING, World

POOL = Pool(region="us-east-1", zone_id="use1-az6", instance_type="m5.large")


def node(name: str, *, cpu: str = "4") -> dict:
    labels = {
        keys.INSTANCE_TYPE: POOL.instance_type,
        keys.ZONE: "us-east-1a",
        keys.ZONE_ID: POOL.zone_id,
        keys.REGION: POOL.region,
        "eks.amazonaws.com/capacityType": "SPOT",
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "spec": {"providerID": f"aws:///us-east-1a/i-{name}"},
        "status": {
            "allocatable": {"cpu": cpu, "memory": "8Gi", "pods": "29"},
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }


def objects(*names: str) -> ObjectSet:
    return ObjectSet.of([node(name) for name in names])


async def send(world: World, what: ObjectSet, host: Host | None = None):
    report = Report(cluster_id=CLUSTER, organization_id=ORGANIZATION, at=world.clock.now(), full=what.to_bytes())
    return await (host or world.host).report(report)


def interruption(world: World, name: str = "n1", event_id: str = "e1") -> AgentReported:
    now = world.clock.now()
    event = SpotInterruption(
        id=event_id,
        cluster=str(CLUSTER),
        at=now,
        instance_id=f"i-{name}",
        pool=POOL,
        terminate_at=now + INTERRUPTION_NOTICE,
        node=name,
    )
    return AgentReported(id=event_id, at=now, event=event)


async def queued(world: World):
    async with world.services.database.tenant(ORGANIZATION) as tx:
        return await tx.actions.open_of_cluster(CLUSTER)


async def use_mode(world: World, mode: Mode) -> None:
    async with world.services.database.tenant(ORGANIZATION) as tx:
        await tx.policies.set_section(CLUSTER, PolicySection.STRATEGY, {"mode": str(mode)}, now=world.clock.now())


def moving(order: PlanOrder) -> PlanAnswer:
    """A plan that empties and ends n1, onto n2."""
    pod = make_pod("a", on="n1")
    snapshot = make_snapshot([domain_node("n1"), domain_node("n2")], [pod])
    plan = domain_plan(snapshot, [cordon(1, "n1"), evict(2, pod, target="n2"), terminate(3, "n1")])
    plan = replace(plan, generation=order.generation, parent=order.parent)
    proposal = Proposal(
        id="packing n1",
        module=Module.PACKING,
        observed_at=order.observed_at,
        reason=Reason(code="packing", text="empties n1 onto nodes that stay"),
        removes=("n1",),
        uses=("n2",),
        evictions=1,
        saving_usd_per_h=0.1,
    )
    return PlanAnswer(
        request=order.request,
        cluster=order.cluster,
        plan=plan,
        document=plan_to_json(plan).encode(),
        decision=Decision(
            chosen=(Chosen(proposal=proposal, reason=proposal.reason, payback_h=1.0),), refused=(), fallbacks=()
        ),
        leaving=(Leaving(node="n1", instance_id="i-n1", template="general"),),
    )


async def ask_for_plan(world: World) -> UUID:
    job = UUID(int=77)
    now = world.clock.now()
    async with world.services.database.tenant(ORGANIZATION) as tx:
        await tx.jobs.create(
            Job(
                id=job,
                organization_id=ORGANIZATION,
                cluster_id=CLUSTER,
                trigger=JobTrigger.USER,
                status=JobStatus.QUEUED,
                created_at=now,
            )
        )
    await world.host.tell(CLUSTER, OptimiseRequested(id=f"ask {job}", at=now, job=str(job), by=AskedBy.USER))
    await settle()
    return job


async def test_a_delta_without_its_base_is_answered_with_send_all(world: World) -> None:
    one, two = objects("n1"), objects("n1", "n2")
    empty_handed = Report(cluster_id=CLUSTER, organization_id=ORGANIZATION, at=world.clock.now())
    assert (await world.host.report(empty_handed)).need_full
    change = replace(empty_handed, delta=make_delta(one, two))
    assert (await world.host.report(change)).need_full
    assert not (await send(world, one)).need_full
    assert not (await world.host.report(change)).need_full
    assert (await world.host.view(CLUSTER)).nodes == 2


async def test_what_was_measured_last_is_shown(world: World) -> None:
    nodes = [NodeUsage(name=f"n{n}", cpu_mcpu=1_500, memory_bytes=2 * GIB) for n in range(2)]
    container = ContainerUsage(name="api", cpu_mcpu=100, memory_bytes=64 * MIB)
    pods = [PodUsage(namespace="shop", name="web-1", containers=[container])]
    await send(world, objects("n1"))
    assert (await world.host.view(CLUSTER)).used is None
    measured = Report(
        cluster_id=CLUSTER, organization_id=ORGANIZATION, at=world.clock.now(), usage=pack(nodes, pods)
    )  # fmt: skip
    await world.host.report(measured)
    assert (await world.host.view(CLUSTER)).used == Used(cpu_mcpu=3_000, memory_bytes=4 * GIB)


async def test_an_interruption_is_cordoned_and_drained_by_signed_actions_before_any_plan(world: World) -> None:
    await send(world, objects("n1", "n2"))
    async with world.services.hub.bus.subscribe(agent_command(str(CLUSTER)), cluster_events(str(CLUSTER))) as heard:
        await world.host.tell(CLUSTER, interruption(world))
        told = [await anext(heard) for _ in range(2)]
    actions = await queued(world)
    assert [action.kind for action in actions] == [AgentActionKind.CORDON, AgentActionKind.DRAIN]
    assert actions[0].created_at < actions[1].created_at
    for action in actions:
        signed = SignedAction(
            cluster=str(CLUSTER),
            id=str(action.id),
            type=action.kind,
            payload=action.payload,
            expires_at=action.expires_at,
            nonce=action.nonce,
            key_id=action.key_id,
            signature=action.signature,
        )
        verify(signed, {SIGNING.id: SIGNING}, cluster=str(CLUSTER), now=world.clock.now(), nonces=BoundedNonces())
    assert {message.channel for message in told} == {agent_command(str(CLUSTER)), cluster_events(str(CLUSTER))}
    (evidence,) = world.registry.seen
    assert (evidence.pool, evidence.known) == (POOL, True)
    await settle()
    assert world.planner.orders[0].circumstances.going == {"n1": Module.INTERRUPTION}
    assert world.planner.orders[0].time_limit_s == world.services.settings.interruption_plan_time_limit_s


def out_of_memory(world: World) -> AgentReported:
    killed = OomKilled(
        id="e1", cluster=str(CLUSTER), at=world.clock.now(), namespace="shop", pod="web-1", container="api",
        owner=Owner(kind="Deployment", name="web"), limit_bytes=256 * MIB,
    )  # fmt: skip
    return AgentReported(id="e1", at=world.clock.now(), event=killed)


async def test_a_container_killed_for_want_of_memory_gets_advice_at_once(world: World) -> None:
    await world.host.tell(CLUSTER, out_of_memory(world))
    async with world.services.database.tenant(ORGANIZATION) as tx:
        (advice,) = (await tx.insights.recommendations(CLUSTER, PageRequest())).items
    assert advice.subject == "Deployment shop/web api"
    assert advice.details["memory_bytes"] == 356 * MIB
    assert advice.text.endswith("raise request and limit to 356 MiB")


@pytest.mark.parametrize(
    ("section", "fields", "advised"),
    [
        pytest.param(PolicySection.BUFFER, {"percent": 50}, [384 * MIB], id="with another buffer"),
        pytest.param(PolicySection.RIGHTSIZE, {"mode": "off"}, [], id="not at all"),
    ],
)
async def test_advice_follows_a_policy_that_was_changed_while_the_cluster_was_awake(
    world: World, section: PolicySection, fields: dict[str, object], advised: list[int]
) -> None:
    await send(world, objects("n1"))
    async with world.services.database.tenant(ORGANIZATION) as tx:
        await tx.policies.set_section(CLUSTER, section, fields, now=world.clock.now())
    await world.host.refresh(CLUSTER)
    await world.host.tell(CLUSTER, out_of_memory(world))
    async with world.services.database.tenant(ORGANIZATION) as tx:
        found = (await tx.insights.recommendations(CLUSTER, PageRequest())).items
    assert [one.details["memory_bytes"] for one in found] == advised


async def test_an_event_that_comes_twice_is_handled_once_also_by_another_host(world: World) -> None:
    await send(world, objects("n1", "n2"))
    event = interruption(world)
    await world.host.tell(CLUSTER, event)
    await world.host.tell(CLUSTER, event)
    await world.host.close()
    other = world.another_host()
    await other.tell(CLUSTER, event)
    assert len(await queued(world)) == 2
    await other.close()


async def test_flagged_pools_are_left_out_of_every_plan(world: World) -> None:
    world.registry.pools = (POOL,)
    await send(world, objects("n1", "n2"))
    await ask_for_plan(world)
    assert world.planner.orders[0].excluded_pools == (POOL,)


async def test_a_plan_is_stored_and_its_job_completed(world: World) -> None:
    world.planner.make = moving
    await send(world, objects("n1", "n2"))
    job = await ask_for_plan(world)
    async with world.services.database.tenant(ORGANIZATION) as tx:
        (plan,) = (await tx.plans.of_cluster(CLUSTER, PageRequest())).items
        done = await tx.jobs.get(job)
    assert plan.status is PlanStatus.RECOMMENDED
    assert done is not None
    assert (done.status, done.plan_generation) == (JobStatus.COMPLETED, plan.generation)


async def test_a_plan_that_cannot_be_made_fails_its_job_with_the_reason(world: World) -> None:
    await send(world, objects("n1", "n2"))
    job = await ask_for_plan(world)
    async with world.services.database.tenant(ORGANIZATION) as tx:
        failed = await tx.jobs.get(job)
    assert failed is not None
    assert (failed.status, failed.error) == (JobStatus.FAILED, "nothing prepared")


async def _end(world: World, action_id: UUID) -> None:
    now = world.clock.now()
    async with world.services.database.tenant(ORGANIZATION) as tx:
        await tx.actions.take_pending(CLUSTER, now)
        await tx.actions.record(
            ActionResult(action_id=action_id, cluster_id=CLUSTER, status=ActionStatus.COMPLETED, at=now)
        )


async def test_a_result_that_nobody_was_told_of_is_found_when_the_cluster_is_woken(world: World) -> None:
    await send(world, objects("n1", "n2"))
    await world.host.tell(CLUSTER, interruption(world))
    for action in await queued(world):
        await _end(world, action.id)
    await world.host.close()
    other = world.another_host()
    told = [line["text"] for line in (await other.view(CLUSTER)).story]
    assert {"completed: cordon node n1", "completed: drain node n1"} <= set(told)
    await other.close()


def without_answers(world: World) -> None:
    async def never(order: PlanOrder) -> PlanAnswer:
        world.planner.orders.append(order)
        return await asyncio.Event().wait()

    world.planner.plan = never


async def test_what_was_asked_of_the_planner_is_asked_again_after_a_restart(world: World) -> None:
    without_answers(world)
    await send(world, objects("n1", "n2"))
    await ask_for_plan(world)
    (first,) = world.planner.orders
    await world.host.close()
    other = world.another_host()
    await other.view(CLUSTER)
    await settle()
    assert [order.request for order in world.planner.orders] == [first.request, first.request]
    await other.close()


async def test_a_host_that_was_overtaken_throws_its_copy_away_and_reads_anew(world: World) -> None:
    without_answers(world)
    await send(world, objects("n1", "n2"))
    await world.host.tell(CLUSTER, interruption(world, "n1", "e1"))
    other = world.another_host()
    await other.tell(CLUSTER, interruption(world, "n2", "e2"))
    late = PolicyChanged(id="p", at=world.clock.now(), settings=ClusterSettings())
    with pytest.raises(TransientError, match="moved to another host"):
        await world.host.tell(CLUSTER, late)
    assert (await world.host.view(CLUSTER)).going == ("n1", "n2")
    await other.close()


async def test_an_idle_cluster_is_put_to_sleep_with_its_objects_stored_and_woken_by_use(world: World) -> None:
    await send(world, objects("n1", "n2"))
    await world.clock.advance(world.services.settings.cluster_idle_s + 1)
    assert await world.host.sweep() == 1
    assert world.host.counts()["awake"] == 0
    view = await world.host.view(CLUSTER)
    assert not view.awake
    assert (view.nodes, view.snapshot_hash) == (2, objects("n1", "n2").hash)


async def test_first_objects_are_stored_with_the_next_sweep_and_later_ones_once_a_minute(world: World) -> None:
    async def stored() -> str:
        async with world.services.database.tenant(ORGANIZATION) as tx:
            found = await tx.snapshots.get(CLUSTER)
        return found.hash if found else ""

    await send(world, objects("n1"))
    await world.host.sweep()
    assert await stored() == objects("n1").hash
    await send(world, objects("n1", "n2"))
    await world.host.sweep()
    assert await stored() == objects("n1").hash
    await world.clock.advance(60)
    await world.host.sweep()
    assert await stored() == objects("n1", "n2").hash


async def test_a_busy_cluster_is_not_put_to_sleep(world: World) -> None:
    await send(world, objects("n1", "n2"))
    await world.host.tell(CLUSTER, interruption(world))
    await world.clock.advance(world.services.settings.cluster_idle_s + 1)
    assert await world.host.sweep() == 0


async def test_safe_mode_of_the_platform_reaches_clusters_that_are_awake(world: World) -> None:
    await send(world, objects("n1", "n2"))
    async with world.services.database.platform() as tx:
        await tx.config.set("SAFE_MODE", "TRUE", by="admin", now=world.clock.now())
    await world.host.refresh_all()
    await world.host.tell(CLUSTER, interruption(world))
    assert await queued(world) == ()
    assert (await world.host.view(CLUSTER)).safe_mode


async def test_a_cluster_that_does_not_exist_is_refused_and_leaves_nothing_behind(world: World) -> None:
    with pytest.raises(RejectedError, match="no connected cluster"):
        await world.host.view(UUID(int=404))
    assert world.host.counts()["awake"] == 0


async def test_turns_of_one_cluster_never_overlap(world: World) -> None:
    await send(world, objects(*(f"n{n}" for n in range(10))))
    await asyncio.gather(*(world.host.tell(CLUSTER, interruption(world, f"n{n}", f"e{n}")) for n in range(10)))
    assert len((await world.host.view(CLUSTER)).going) == 10
    assert len(await queued(world)) == 20


async def test_an_overdue_deadline_ticks_the_cluster(world: World) -> None:
    world.host.start()
    await send(world, objects("n1", "n2"))
    await world.host.tell(CLUSTER, interruption(world))
    assert (await world.host.view(CLUSTER)).going == ("n1",)
    await world.clock.advance(timedelta(minutes=5).total_seconds())
    assert not any("in flight" in line["text"] for line in (await world.host.view(CLUSTER)).story)


async def test_a_notice_on_its_way_is_told_to_the_registry_as_it_will_be_when_it_is_handled(world: World) -> None:
    await send(world, objects("n1"))
    event = interruption(world)
    await world.host.warn(CLUSTER, event.event)
    assert world.registry.seen == []
    await world.host.tell(CLUSTER, event)
    assert world.registry.warned == world.registry.seen
