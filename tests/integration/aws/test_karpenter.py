"""A cluster in which Karpenter launches, from plan to the last node: Karpenter is played, the agent's hand is real."""

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from actors.accounts.discovery import Discoverer
from actors.hosting.ports import Report
from actors.services import Services
from adapters.aws.clients import Clients
from adapters.clock import SystemClock
from adapters.postgres.pool import PoolSettings, PostgresDatabase
from adapters.postgres.seed import seed_defaults
from adapters.redis.hub import memory_hub
from adapters.settings import load_keys, load_settings
from agent.actions.holds import HELD
from agent.actions.nodepools import NodePoolActions
from agent.actions.outcome import ActionFailedError
from agent.drains.mode import Mode
from demo.aws import fill
from demo.aws.fill import Customer
from domain import labels as keys
from domain.canonical import KubeObject
from domain.commands import AgentActionKind, PlanStatus
from domain.delta import ObjectSet
from domain.fleet import PolicySection
from domain.karpenter.requirements import requirements_of
from domain.redaction import redact
from domain.saga import SagaStatus, StepStatus
from domain.wire.actions import NarrowNodePoolsPayload, RestoreNodePoolsPayload, read_payload
from domain.work import AgentAction
from solvers.placement import warm_up
from tests.integration.aws.conftest import Here, HurriedClock
from tests.integration.aws.test_carrying_out import Scene, WorldAws, zones_of
from tests.scripted_cluster import ScriptedCluster, ScriptedNode
from tests.unit.agent.twin import Cluster as Api
from tests.unit.aws.builders import REGION
from tests.unit.platform_world import ACCOUNT, CLUSTER, ORGANIZATION, SIGNING, sign_up

POOL = "general"
ON_NODE_POOLS = (AgentActionKind.NARROW_NODE_POOLS, AgentActionKind.RESTORE_NODE_POOLS)


def make_node_pool() -> dict[str, Any]:
    """A NodePool of three nodes that allows many types."""
    requirements = [
        {"key": "karpenter.k8s.aws/instance-category", "operator": "In", "values": ["c", "m", "r"]},
        {"key": keys.KARPENTER_CAPACITY_TYPE, "operator": "In", "values": ["spot", "on-demand"]},
    ]
    return {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodePool",
        "metadata": {"name": POOL},
        "spec": {
            "template": {"spec": {"requirements": requirements}},
            "disruption": {"budgets": [{"nodes": "100%"}], "consolidateAfter": "30s"},
            "limits": {"cpu": "100"},
        },
        "status": {"nodes": 3, "resources": {"cpu": "6", "memory": "24Gi", "nodes": "3"}},
    }


@dataclass
class KarpenterCluster(ScriptedCluster):
    """Pods that are drained have no place; whoever plays Karpenter launches a node for each, of an allowed type."""

    api: Api = field(default_factory=Api)
    launched: list[str] = field(default_factory=list)
    budgets_seen: list[Any] = field(default_factory=list)

    @property
    def node_pool(self) -> KubeObject:
        return self.api.objects["nodepools"]["", POOL]

    async def perform(self, action: AgentAction, now: datetime) -> str:
        if action.kind not in ON_NODE_POOLS:
            return await super().perform(action, now)
        self.believe(action, now)
        self.done.append((action.kind, POOL))
        hand, payload = NodePoolActions(self.api, HurriedClock()), read_payload(action.kind, action.payload)
        try:
            if isinstance(payload, NarrowNodePoolsPayload):
                await hand.narrow(payload, Mode.DO)
            elif isinstance(payload, RestoreNodePoolsPayload):
                await hand.restore(payload, Mode.DO)
        except ActionFailedError as err:
            return str(err)
        return ""

    def drain(self, node: ScriptedNode) -> str:
        self.pods = {pod: "" if where == node.name else where for pod, where in self.pods.items()}
        return ""

    def report(self, now: datetime) -> Report:
        full = ObjectSet.from_bytes(super().report(now).full or b"")
        pool = redact(self.node_pool)
        assert pool is not None
        objects = [*full.objects(), pool]
        return Report(cluster_id=CLUSTER, organization_id=ORGANIZATION, at=now, full=ObjectSet.of(objects).to_bytes())

    def reconcile(self, owner: Customer) -> None:
        """Place what has no place on nodes that are empty, and launch for the rest."""
        self.budgets_seen.append(self.node_pool["spec"]["disruption"]["budgets"])
        taken = set(self.pods.values())
        free = [name for name, node in self.nodes.items() if name not in taken and not node.cordoned]
        for pod in [pod for pod, where in self.pods.items() if not where]:
            if free:
                self.pods[pod] = free.pop()
            else:
                self.launched.append(launch(owner, self._chosen()))

    def _chosen(self) -> dict[str, str]:
        """The first value of each key that is narrowed, as Karpenter would take the cheapest."""
        values = {one["key"]: one["values"] for one in requirements_of(self.node_pool)}
        return {key: min(values[key]) for key in (keys.INSTANCE_TYPE, keys.ZONE)}


def launch(owner: Customer, labels: dict[str, str]) -> str:
    """An instance as Karpenter launches and tags it."""
    tags = {"kubernetes.io/cluster/web": "owned", "eks:eks-cluster-name": "web", keys.KARPENTER_NODE_POOL: POOL}
    (made,) = owner.client("ec2", REGION).run_instances(
        ImageId=fill.IMAGE,
        InstanceType=labels[keys.INSTANCE_TYPE],
        Placement={"AvailabilityZone": labels[keys.ZONE]},
        MinCount=1,
        MaxCount=1,
        TagSpecifications=[
            {"ResourceType": "instance", "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
        ],
    )["Instances"]
    return str(made["InstanceId"])


class KarpenterScene(Scene):
    """With somebody who plays Karpenter."""

    cluster: KarpenterCluster

    async def turn(self) -> None:
        await asyncio.to_thread(self.cluster.reconcile, self.owner)
        await super().turn()


@pytest.fixture
async def scene(
    here: Here, owner: Customer, clients: Clients, database_url: str, tmp_path: Path
) -> AsyncIterator[KarpenterScene]:
    """Three nodes of a NodePool, each with a pod that fills it; every plan waits for approval."""
    warm_up()
    clock = SystemClock()
    fill.add_cluster(owner, REGION, "web", nodes=0)
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
        await tx.policies.set_section(CLUSTER, PolicySection.KARPENTER, {"enabled": True}, now=clock.now())
    assert account is not None
    here.world.external_ids[account.role_arn] = account.external_id
    cluster = KarpenterCluster(
        cluster_id=CLUSTER,
        organization_id=ORGANIZATION,
        key=SIGNING,
        group=POOL,
        group_label=keys.KARPENTER_NODE_POOL,
        node_cpu="1930m",
        node_memory="7Gi",
        pod_cpu="1500m",
    )
    cluster.api.add("nodepools", make_node_pool())
    cluster.zones = zones_of(owner)
    zone = min(cluster.zones.values())
    for _ in range(3):
        launch(owner, {keys.INSTANCE_TYPE: "m6i.large", keys.ZONE: zone})
    scene = KarpenterScene(services=services, owner=owner, cluster=cluster, host=None)  # type: ignore[arg-type]
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


async def test_karpenter_launches_what_the_plan_wants_and_its_node_pool_is_as_before_when_the_last_node_has_gone(
    scene: KarpenterScene, here: Here
) -> None:
    before = {machine.instance_id for machine in scene.machines()}
    node_pool = make_node_pool()["spec"]
    plan = await scene.optimise()
    assert (plan.status, plan.status_reason) == (PlanStatus.AWAITING_APPROVAL, plan.status_reason)
    decision: Any = plan.body["decision"]
    (wanted,) = decision["node_pools"]
    texts = [change["text"] for part in decision["chosen"] for change in part["changes"]]
    assert any(text.startswith(f"NodePool {POOL} is to launch") for text in texts)

    await scene.approve(plan)
    saga = await scene.until_ended()
    assert (saga.status, saga.reason) == (SagaStatus.DONE, "")
    after = scene.instances()
    gone = before - {one["InstanceId"] for one in after}
    launched = [one for one in after if one["InstanceId"] not in before]
    assert gone
    assert len(launched) == len(gone) == len(scene.cluster.launched)
    assert {one["InstanceType"] for one in launched} <= set(wanted["instance_types"])
    assert here.world.counts()["CreateFleet"] == 0
    assert all(scene.cluster.pods.values())

    kinds = [kind for kind, _ in scene.cluster.done]
    assert (kinds[0], kinds[-1]) == ON_NODE_POOLS
    assert [{"nodes": "100%"}, {"nodes": "0"}] in scene.cluster.budgets_seen, "Karpenter was told to hold still"
    assert scene.cluster.node_pool["spec"] == node_pool
    assert HELD not in scene.cluster.node_pool["metadata"].get("annotations", {})
    async with scene.services.database.tenant(ORGANIZATION) as tx:
        steps = await tx.sagas.steps(saga.id)
        done = await tx.plans.get(plan.id)
    assert all(step.status is StepStatus.DONE for step in steps)
    assert done is not None
    assert done.status is PlanStatus.DONE


async def test_a_node_pool_that_a_repository_governs_is_left_alone_and_the_plan_says_why(scene: KarpenterScene) -> None:
    plan = await scene.optimise()
    scene.cluster.node_pool["metadata"]["labels"] = {"kustomize.toolkit.fluxcd.io/name": "infrastructure"}
    before = {machine.instance_id for machine in scene.machines()}
    await scene.approve(plan)
    saga = await scene.until_ended()
    assert saga.status is SagaStatus.UNDONE
    assert "Flux manages it" in saga.reason
    assert {machine.instance_id for machine in scene.machines()} == before
    assert scene.cluster.node_pool["spec"] == make_node_pool()["spec"]
    assert {kind for kind, _ in scene.cluster.done} <= set(ON_NODE_POOLS)


async def test_without_a_node_pool_in_sight_a_plan_is_recommended_and_says_what_is_missing(
    scene: KarpenterScene,
) -> None:
    scene.cluster.api.objects["nodepools"].clear()
    scene.cluster.report = ScriptedCluster.report.__get__(scene.cluster)  # type: ignore[method-assign]
    scene.cluster.reconcile = lambda owner: None  # type: ignore[method-assign]
    await scene.turn()
    plan = await scene.optimise()
    assert plan.status is PlanStatus.RECOMMENDED
    assert "karpenter.enabled" in plan.status_reason
