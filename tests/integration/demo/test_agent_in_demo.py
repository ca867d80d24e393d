"""The real agent, as a process, in a simulated cluster: it sees it, acts in it, saves what an interruption takes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from demo.clusters.workloads import AGENT, budget, deployment, namespace, pod
from demo.kubernetes.cluster import Cluster
from demo.kubernetes.http import KubernetesServer
from demo.kubernetes.nodes import announce
from demo.kubernetes.objects import is_ready
from demo.kubernetes.store import Object
from demo.serving import serving
from domain.wire.messages import ResultBody
from tests.kube.agent_process import AgentProcess, running
from tests.kube.client import Login
from tests.kube.service import Service, served
from tests.unit.demo.kube import Scene

TOKEN = "kube-token"
PATIENT_S = 60.0


@dataclass
class Home:
    """A simulated cluster with an agent."""

    cluster: Cluster
    service: Service
    agent: AgentProcess

    async def until(self, reached: Callable[[], object]) -> None:
        await asyncio.to_thread(self.agent.wait, reached, limit_s=PATIENT_S)

    async def do(self, kind: str, **payload: object) -> ResultBody:
        action = self.service.sign(kind, payload)
        self.service.hand_out(action)
        await self.until(lambda: action.action_id in self.service.results)
        return self.service.results[action.action_id]

    def pods_on(self, node: str) -> list[str]:
        return [one["metadata"]["name"] for one in self.cluster.store.of("pods") if one["spec"].get("nodeName") == node]


def cpu_of(one: Object) -> str:
    return str(one["spec"]["containers"][0]["resources"]["requests"]["cpu"])


@asynccontextmanager
async def home(folder: Path) -> AsyncIterator[Home]:
    """Three nodes, a deployment of six under a budget, an agent."""
    cluster = Cluster("shop", TOKEN, lambda: datetime.now(UTC))
    web = deployment("shop", "web", 6, pod("web", cpu=300, memory=256, grace_s=5))
    cluster.add(namespace("shop"), namespace(AGENT), web, budget("shop", "web", maxUnavailable=1))
    scene = Scene(nodes=())
    scene.cluster, scene.store = cluster, cluster.store
    for _ in range(3):
        scene.add_node(spot=True)
    living = asyncio.create_task(cluster.run())
    service = Service()
    login = Login(url="", token=TOKEN, ca=Path())
    try:
        async with serving(KubernetesServer({"shop": cluster})) as url:
            with (
                served(service) as port,
                running(
                    login,
                    folder,
                    namespace=AGENT,
                    service=f"http://127.0.0.1:{port}",
                    more={"KUBE_API_URL": f"{url}/shop", "KUBE_CA_FILE": ""},
                ) as agent,
            ):
                found = Home(cluster=cluster, service=service, agent=agent)
                await found.until(lambda: sum(map(is_ready, cluster.store.of("pods"))) == 6)
                await found.until(lambda: len(service.objects) >= 3 + 6 + 4)
                yield found
    finally:
        living.cancel()


async def test_the_agent_sees_a_simulated_cluster_and_acts_in_it(tmp_path: Path) -> None:
    async with home(tmp_path) as here:
        assert here.service.registered[0].node_count == 3
        node = here.cluster.store.of("nodes")[0]["metadata"]["name"]
        for kind in ("cordon_node", "uncordon_node"):
            result = await here.do(kind, node=node, instance_id="")
            assert (result.status, result.error_message) == ("completed", None)
        container = {"name": "web", "requests": {"cpu": "200m"}, "limits": {}}
        result = await here.do("update_deployment", namespace="shop", name="web", containers=[container], generation=0)
        assert (result.status, result.error_message) == ("completed", None)
        await here.until(lambda: {cpu_of(one) for one in here.cluster.store.of("pods")} == {"200m"})
        result = await here.do("drain_node", node=node, instance_id="", deadline_at=None)
        assert (result.status, result.error_message) == ("completed", None)
        assert here.pods_on(node) == []
        await here.until(lambda: any(body.metrics.pods for body in here.service.metrics))


async def test_an_interrupted_node_is_emptied_by_the_agent_itself(tmp_path: Path) -> None:
    async with home(tmp_path) as here:
        store = here.cluster.store
        node = store.of("nodes")[1]
        name, instance = node["metadata"]["name"], node["spec"]["providerID"].rpartition("/")[2]
        assert here.pods_on(name)
        announce(store, instance, deadline=datetime.now(UTC) + timedelta(minutes=2))
        await here.until(lambda: not here.pods_on(name))
        assert store.get("nodes", name)["spec"]["unschedulable"] is True
        kinds = {(event["event_type"], event.get("instance_id")) for event in here.service.events}
        assert ("spot_interruption_warning", instance) in kinds
