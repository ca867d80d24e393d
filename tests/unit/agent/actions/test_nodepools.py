"""NodePools: narrowed within what they allow, set back to exactly what they were, and by the agent when nobody does."""

import asyncio
import copy
import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.actions.holds import HELD
from agent.actions.nodepools import NodePoolActions
from agent.drains.mode import Mode
from agent.kubernetes.errors import UnavailableError
from domain import labels as keys
from domain.karpenter.requirements import allows, labels_of_type, requirements_of
from domain.signing import wire_time
from domain.wire.messages import AgentConfig, ResultBody
from tests.unit.agent.actions.desk import Desk, at_desk
from tests.unit.agent.twin import START

HOLD = "saga-1"
TYPES = ["m5.large", "m5.xlarge", "c5.large", "r6i.large", "t3.medium"]
ALLOWED = [{"key": keys.INSTANCE_TYPE, "operator": "In", "values": TYPES[:4]}]
BUDGETS = [{"nodes": "20%"}]


def node_pool(desk: Desk, name: str = "general", **spec: Any) -> dict[str, Any]:
    """A NodePool of ten nodes."""
    requirements = spec.pop("requirements", ALLOWED)
    node_class = spec.pop("node_class", {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "default"})
    metadata = {"name": name, **spec.pop("metadata", {})}
    return desk.cluster.add(
        "nodepools",
        {
            "apiVersion": "karpenter.sh/v1",
            "kind": "NodePool",
            "metadata": metadata,
            "spec": {
                "template": {"spec": {"nodeClassRef": node_class, "requirements": copy.deepcopy(requirements)}},
                "disruption": {"budgets": copy.deepcopy(spec.pop("budgets", BUDGETS)), "consolidateAfter": "0s"},
                **spec,
            },
            "status": {"nodes": 10, "resources": {"cpu": "40", "memory": "160Gi", "nodes": "10"}},
        },
    )


def narrow(*names: str, hold: str = HOLD, **wanted: Any) -> dict[str, Any]:
    part = {"instance_types": ["m5.large", "c5.large"]} | wanted
    until = wire_time(START + timedelta(hours=1))
    return {"hold": hold, "until": until, "node_pools": [{"node_pool": name} | part for name in names or ("general",)]}


def back(*names: str, hold: str = HOLD) -> dict[str, Any]:
    return {"hold": hold, "node_pools": list(names or ("general",))}


def spec_of(desk: Desk, name: str = "general") -> dict[str, Any]:
    return copy.deepcopy(desk.cluster.objects["nodepools"]["", name]["spec"])


async def refused(desk: Desk, payload: dict[str, Any]) -> str:
    before = spec_of(desk)
    body = await desk.do("narrow_node_pools", payload)
    assert (body.status, spec_of(desk)) == ("failed", before)
    return body.error_message or ""


def test_a_node_pool_is_narrowed_and_karpenter_holds_still() -> None:
    async def main(desk: Desk) -> None:
        node_pool(desk)
        body = await desk.do("narrow_node_pools", narrow(zones=["us-east-1a"], capacity_types=["spot"]))
        (told,) = body.result["node_pools"]
        assert told["before"] == {"requirements": ALLOWED, "budgets": BUDGETS}
        spec = spec_of(desk)
        added = spec["template"]["spec"]["requirements"][1:]
        assert [(one["key"], one["values"]) for one in added] == [
            (keys.INSTANCE_TYPE, ["m5.large", "c5.large"]),
            (keys.ZONE, ["us-east-1a"]),
            (keys.KARPENTER_CAPACITY_TYPE, ["spot"]),
        ]
        assert spec["disruption"] == {"budgets": [*BUDGETS, {"nodes": "0"}], "consolidateAfter": "0s"}

    at_desk(main)


def test_narrowed_again_for_the_same_hold_nothing_changes_and_the_answer_is_the_same() -> None:
    async def main(desk: Desk) -> None:
        node_pool(desk)
        first = await desk.do("narrow_node_pools", narrow())
        spec = spec_of(desk)
        second = await desk.do("narrow_node_pools", narrow())
        assert (second.result["changed"], spec_of(desk)) == (False, spec)
        assert second.result["node_pools"][0]["before"] == first.result["node_pools"][0]["before"]

    at_desk(main)


def test_set_back_it_is_exactly_what_it_was_and_budgets_come_back_last() -> None:
    async def main(desk: Desk) -> None:
        node_pool(desk)
        before = spec_of(desk)
        await desk.do("narrow_node_pools", narrow())
        task = asyncio.create_task(desk.do("restore_node_pools", back()))
        await asyncio.sleep(10)
        half = spec_of(desk)
        assert half["template"] == before["template"]
        assert half["disruption"] != before["disruption"], "nodes still count as drifted"
        assert (await task).status == "completed"
        assert spec_of(desk) == before
        assert desk.cluster.objects["nodepools"]["", "general"]["metadata"]["annotations"] == {}
        again = await desk.do("restore_node_pools", back("general", "gone"))
        assert (again.status, again.result) == ("completed", {"changed": False, "node_pools": []})

    at_desk(main)


def test_what_the_customer_changes_meanwhile_stays() -> None:
    async def main(desk: Desk) -> None:
        pool = node_pool(desk)
        await desk.do("narrow_node_pools", narrow())
        new = {"key": keys.ARCH, "operator": "In", "values": ["arm64"]}
        pool["spec"]["template"]["spec"]["requirements"].append(new)
        pool["spec"]["disruption"]["budgets"][0] = {"nodes": "5"}
        await desk.do("restore_node_pools", back())
        assert spec_of(desk)["template"]["spec"]["requirements"] == [*ALLOWED, new]
        assert spec_of(desk)["disruption"]["budgets"] == [{"nodes": "5"}]

    at_desk(main)


REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "nothing-left": ({}, {"instance_types": ["t3.medium"]}, "it allows none of t3.medium"),
    "other-family": (
        {"requirements": [{"key": "karpenter.k8s.aws/instance-category", "operator": "NotIn", "values": ["c", "m"]}]},
        {},
        "it allows none of",
    ),
    "min-values": (
        {"requirements": [{"key": keys.INSTANCE_TYPE, "operator": "Exists", "minValues": 5}]},
        {},
        "its minValues asks for 5 values",
    ),
    "min-values-of-what-names-do-not-tell": (
        {"requirements": [{"key": "karpenter.k8s.aws/instance-cpu", "operator": "Exists", "minValues": 2}]},
        {},
        "its minValues asks for 2 values of karpenter.k8s.aws/instance-cpu",
    ),
    "cpu-limit": ({"limits": {"cpu": "44"}}, {"vcpu": 8}, "its limits allow 44 of cpu, of which 40 are used"),
    "memory-limit": ({"limits": {"memory": "161Gi"}}, {"memory_bytes": 2 << 30}, "its limits allow 161Gi of memory"),
    "nodes-limit": ({"limits": {"nodes": "10"}}, {"nodes": 1}, "its limits allow 10 of nodes"),
    "budget": ({"budgets": [{"nodes": "0"}]}, {"at_once": 1}, "its disruption budget (nodes 0) lets 0 of 10"),
    "share": ({}, {"at_once": 3}, "(nodes 20%) lets 2 of 10 nodes go at once, and the plan takes 3"),
    "static": ({"replicas": 10}, {}, "it is static (replicas)"),
    "auto-mode": ({"node_class": {"group": "eks.amazonaws.com", "kind": "NodeClass"}}, {}, "EKS Auto Mode manages"),
    "argo": ({"metadata": {"labels": {"argocd.argoproj.io/instance": "infra"}}}, {}, "Argo CD manages it"),
    "flux": ({"metadata": {"managedFields": [{"manager": "kustomize-controller"}]}}, {}, "Flux manages it"),
    "deleted": ({"metadata": {"deletionTimestamp": wire_time(START)}}, {}, "it is being deleted"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_node_pool_says_is_kept_to_and_the_refusal_names_it(name: str) -> None:
    spec, wanted, told = REFUSED[name]

    async def main(desk: Desk) -> None:
        node_pool(desk, **copy.deepcopy(spec))
        assert told in await refused(desk, narrow(**wanted))

    at_desk(main)


def test_one_that_is_refused_leaves_none_narrowed() -> None:
    async def main(desk: Desk) -> None:
        node_pool(desk)
        node_pool(desk, "static", replicas=3)
        assert "NodePool static is left as it is" in await refused(desk, narrow("general", "static"))
        assert "there is no NodePool nowhere" in await refused(desk, narrow("general", "nowhere"))

    at_desk(main)


def test_two_plans_do_not_hold_one_node_pool() -> None:
    async def main(desk: Desk) -> None:
        node_pool(desk)
        await desk.do("narrow_node_pools", narrow())
        assert "another plan holds it until 2026-03-01 13:00:00 UTC" in await refused(desk, narrow(hold="saga-2"))
        await desk.do("restore_node_pools", back(hold="saga-2"))
        assert len(requirements_of(desk.cluster.objects["nodepools"]["", "general"])) == 2, "somebody else's hold"

    at_desk(main)


def test_a_dry_run_asks_the_api_server_and_says_what_it_would_do() -> None:
    async def main(desk: Desk) -> None:
        node_pool(desk)
        before = spec_of(desk)
        desk.actions.configure(AgentConfig(version=1, dry_run=True))
        body: ResultBody = await desk.do("narrow_node_pools", narrow())
        assert (body.dry_run, body.result["would"], spec_of(desk)) == (True, "narrow NodePools general", before)
        assert (await desk.do("restore_node_pools", back())).result == {"would": "set NodePools back: general"}
        assert desk.cluster.paths("PATCH") == ["/apis/karpenter.sh/v1/nodepools/general"]

    at_desk(main)


def test_somebody_who_writes_at_the_same_moment_is_not_overwritten() -> None:
    async def main(desk: Desk) -> None:
        pool = node_pool(desk)
        narrowing = asyncio.create_task(desk.do("narrow_node_pools", narrow()))
        while not desk.cluster.paths("GET"):
            await asyncio.sleep(0.001)
        await asyncio.sleep(desk.cluster.latency_s * 1.5)  # it has been read and is not written yet
        pool["spec"]["weight"] = 7
        pool["metadata"]["resourceVersion"] = "newer"
        assert (await narrowing).status == "completed"
        assert spec_of(desk)["weight"] == 7
        assert len(desk.cluster.paths("PATCH")) == 2

    at_desk(main)


def test_a_change_whose_answer_was_lost_is_taken_back_with_the_failure() -> None:
    async def main(desk: Desk) -> None:
        node_pool(desk)
        lost = UnavailableError(0, "Unreachable", "no answer")
        desk.cluster.faults.append(("PATCH .*/nodepools", 1, lost))
        assert (await desk.do("narrow_node_pools", narrow())).status == "failed"
        assert (await desk.do("narrow_node_pools", narrow())).status == "completed"

    at_desk(main)


def test_what_nobody_has_set_back_in_time_the_agent_sets_back_unless_it_must_change_nothing() -> None:
    async def main(desk: Desk) -> None:
        node_pool(desk)
        before = spec_of(desk)
        await desk.do("narrow_node_pools", narrow())
        modes = [Mode.REHEARSE]
        watch = asyncio.create_task(NodePoolActions(desk.cluster, desk.clock).release_forgotten(lambda: modes[0]))
        await asyncio.sleep(3_700)
        assert spec_of(desk) != before
        modes[0] = Mode.DO
        await asyncio.sleep(120)
        assert spec_of(desk) == before
        watch.cancel()

    at_desk(main)


def test_a_hold_that_somebody_has_damaged_is_none() -> None:
    async def main(desk: Desk) -> None:
        for damaged in ("{", "[]", json.dumps({"key": "x", "until": "soon", "requirements": []})):
            pool = node_pool(desk)
            pool["metadata"]["annotations"] = {HELD: damaged}
            assert (await desk.do("narrow_node_pools", narrow())).status == "completed"

    at_desk(main)


VALUES = st.lists(st.sampled_from(TYPES), min_size=1, unique=True)
REQUIREMENT = st.one_of(
    st.builds(
        lambda operator, values: {"key": keys.INSTANCE_TYPE, "operator": operator, "values": values},
        st.sampled_from(["In", "NotIn"]),
        VALUES,
    ),
    st.just({"key": keys.INSTANCE_TYPE, "operator": "Exists"}),
    st.builds(
        lambda operator, bound: {
            "key": "karpenter.k8s.aws/instance-generation",
            "operator": operator,
            "values": [str(bound)],
        },
        st.sampled_from(["Gt", "Lt", "Gte", "Lte"]),
        st.integers(1, 7),
    ),
    st.builds(
        lambda values: {"key": "karpenter.k8s.aws/instance-category", "operator": "In", "values": values},
        st.lists(st.sampled_from(["m", "c", "r", "t"]), min_size=1, unique=True),
    ),
)


@settings(max_examples=40)
@given(st.lists(REQUIREMENT, max_size=4), VALUES)
def test_whatever_is_asked_nothing_is_allowed_that_was_not_and_the_way_back_leads_to_what_was(
    requirements: list[dict[str, Any]], wanted: list[str]
) -> None:
    def allowed(desk: Desk) -> set[str]:
        found = requirements_of(desk.cluster.objects["nodepools"]["", "general"])
        return {name for name in TYPES if allows(found, labels_of_type(name))}

    async def main(desk: Desk) -> None:
        node_pool(desk, requirements=requirements)
        before, could = spec_of(desk), allowed(desk)
        body = await desk.do("narrow_node_pools", narrow(instance_types=wanted))
        assert allowed(desk) == (could & set(wanted) or could)
        assert (body.status == "completed") == bool(could & set(wanted))
        await desk.do("restore_node_pools", back())
        assert spec_of(desk) == before

    at_desk(main)
