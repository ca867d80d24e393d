"""No call is made that the rights do not cover, and no right is asked for that no call needs."""

import asyncio

from agent.kubernetes.errors import call_of
from domain.wire.messages import AgentConfig
from tests.unit.agent.actions.desk import Desk, at_desk
from tests.unit.agent.actions.rights import RIGHTS, RIGHTS_ON_NODE_POOLS
from tests.unit.agent.actions.test_deployments import deploy, payload
from tests.unit.agent.actions.test_nodepools import narrow, node_pool


def test_all_actions_together_use_exactly_these_rights() -> None:
    async def main(desk: Desk) -> None:
        cluster = desk.cluster
        cluster.workload("api", nodes=["a", "a", "b"])
        cluster.pod("db-0", node="a", owner=("StatefulSet", "db"))
        cluster.pod("old-0", node="a", owner=("ReplicationController", "old"))
        deploy(desk)
        a, pod = {"node": "a"}, {"namespace": "shop", "pod": "api-0", "node": "a"}
        label = a | {"labels": {"team": "blue"}}
        for config in (AgentConfig(version=1, dry_run=True), AgentConfig(version=2)):
            desk.actions.configure(config)
            for kind, what in (
                ("cordon_node", a),
                ("label_node", label),
                ("evict_pod", pod),
                ("drain_node", a),
                ("uncordon_node", a),
                ("update_deployment", payload({"cpu": "500m"})),
            ):
                assert (await desk.do(kind, what)).status == "completed", kind
        calls = [call_of(method, path) for method, path, _ in cluster.calls]
        assert {(call.group, call.resource, call.verb) for call in calls} == RIGHTS

    at_desk(main)


def test_node_pools_take_these_rights_and_no_other() -> None:
    async def main(desk: Desk) -> None:
        node_pool(desk)
        await desk.do("narrow_node_pools", narrow())
        release = asyncio.create_task(desk.actions.release_node_pools())
        await asyncio.sleep(4_000)
        release.cancel()
        calls = [call_of(method, path) for method, path, _ in desk.cluster.calls]
        assert {(call.group, call.resource, call.verb) for call in calls} == RIGHTS_ON_NODE_POOLS

    at_desk(main)
