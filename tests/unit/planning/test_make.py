"""From an order to a plan: the whole way on the example cluster, and what happens when there is none."""

import copy
import gzip
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from actors.planning.make import make_plan, without_nodes, without_pools
from actors.planning.order import Circumstances, PlanOrder
from adapters.catalog import load_catalog
from adapters.kubernetes.snapshot import snapshot_from_objects
from domain.commands import Priority
from domain.delta import ObjectSet
from domain.documents.plan_json import plan_from_json
from domain.market import CapacityType, Pool
from domain.plan import ActionKind
from domain.policy import Policy
from domain.proposal import Module
from tests.builders import make_node, make_pod, make_snapshot

NOW = datetime(2026, 1, 1, tzinfo=UTC)
EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "web-shop.json.gz"


@pytest.fixture(scope="module")
def example() -> list[dict]:
    return orjson.loads(gzip.decompress(EXAMPLE.read_bytes()))["items"]


def order(objects: list[dict], **changed) -> PlanOrder:
    made = PlanOrder(
        request="r1",
        cluster="c1",
        priority=Priority.INTERRUPTION,
        objects=ObjectSet.of(objects).to_bytes(),
        observed_at=NOW,
        policy=Policy(),
        generation=4,
        parent=3,
        time_limit_s=1.0,
        ordered_at=NOW,
    )
    return replace(made, **changed)


def test_a_replacement_plan_gives_every_pod_of_lost_nodes_a_place_outside_flagged_pools_and_moves_no_other(
    example,
) -> None:
    whole = snapshot_from_objects(example, region=None, zones=(), observed_at=NOW, from_scratch=False)
    lost = {node.name for node in whole.nodes[::2]}
    circumstances = Circumstances(going=dict.fromkeys(sorted(lost), Module.INTERRUPTION))
    first = make_plan(order(example, circumstances=circumstances))
    assert first.plan is not None, first.failure
    launched = [n for n in first.plan.nodes if not n.existing and n.capacity_type is CapacityType.SPOT]
    assert launched
    flagged = tuple(
        Pool(region=whole.region, zone_id=zone.id, instance_type=node.instance_type)
        for node in launched
        for zone in whole.zones
    )

    answer = make_plan(order(example, circumstances=circumstances, excluded_pools=flagged))
    assert answer.plan is not None, answer.failure
    plan = answer.plan
    assert (plan.generation, plan.parent) == (4, 3)
    assert plan_from_json(answer.document) == plan
    written = orjson.loads(answer.document)
    assert {node["name"]: len(node["pods"]) for node in written["running"]} == {
        node.name: sum(pod.node_name == node.name for pod in whole.pods) for node in whole.nodes
    }
    assert written["requests"].keys() == {pod.key for pod in whole.pods}
    assert not lost & {node.name for node in plan.nodes}
    moved = {pod.key for pod in whole.pods if pod.node_name in lost and not (pod.is_daemon or pod.is_mirror)}
    assert moved <= {pod for node in plan.nodes for pod in node.pods} | {pod.pod for pod in plan.unschedulable}
    used = {
        Pool(region=whole.region, zone_id=node.zone.id, instance_type=node.instance_type)
        for node in plan.nodes
        if not node.existing and node.capacity_type is CapacityType.SPOT
    }
    assert not used & set(flagged)
    assert {action.kind for action in plan.actions} == {ActionKind.LAUNCH}
    waiting = {pod.key for pod in whole.pods if not pod.node_name}
    assert {pod for node in plan.nodes if not node.existing for pod in node.pods} <= moved | waiting
    assert answer.decision is not None
    chosen = [one.proposal for one in answer.decision.chosen if one.proposal.module is Module.INTERRUPTION]
    assert {name for one in chosen for name in one.removes} == lost == {one.node for one in answer.leaving}


def test_a_cluster_that_cannot_be_planned_is_an_answer_that_says_why(example) -> None:
    pods_alone = [each for each in example if each["kind"] == "Pod"][:3]
    answer = make_plan(order(pods_alone))
    assert answer.plan is None
    assert not answer.is_bug
    assert "region" in answer.failure


def test_damaged_objects_are_an_answer_too(example) -> None:
    answer = make_plan(replace(order(example), objects=b"not packed"))
    assert answer.plan is None
    assert "damaged" in answer.failure


def test_pods_of_lost_nodes_wait_and_their_daemons_are_gone() -> None:
    daemon = replace(make_pod("agent", on="lost"), is_daemon=True)
    snapshot = make_snapshot([make_node("lost"), make_node("stays")], [make_pod("web", on="lost"), daemon])
    left = without_nodes(snapshot, ["lost"])
    assert [node.name for node in left.nodes] == ["stays"]
    assert [(pod.name, pod.node_name) for pod in left.pods] == [("web", "")]


def test_pods_of_a_lost_node_whose_replacement_is_under_way_are_left_out() -> None:
    snapshot = make_snapshot([make_node("lost"), make_node("stays")], [make_pod("web", on="lost")])
    assert without_nodes(snapshot, ["lost"], covered=frozenset({"lost"})).pods == ()


def test_flagged_pools_lose_their_spot_offers_and_keep_on_demand() -> None:
    catalog = load_catalog("us-east-1")
    pool = catalog.offerings[0].pool
    left = without_pools(catalog, [pool])
    here = [offering.capacity_type for offering in left.offerings if offering.pool == pool]
    assert here == [CapacityType.ON_DEMAND]
    assert len(left.offerings) == len(catalog.offerings) - 1
    assert left.notes[-1].startswith("1 Spot pools")


def test_a_replacement_buys_nothing_for_pods_that_another_plan_has_evicted(example) -> None:
    example = copy.deepcopy(example)
    whole = snapshot_from_objects(example, region=None, zones=(), observed_at=NOW, from_scratch=False)
    lost, *evicted = [node.name for node in whole.nodes[::2]]
    objects = [each for each in example if each["kind"] != "Node" or each["metadata"]["name"] not in evicted]
    for each in objects:
        if each["kind"] == "Pod" and each["spec"].get("nodeName") in evicted:
            del each["spec"]["nodeName"]
            each["status"] = {"phase": "Pending"}
    going = {lost: Module.INTERRUPTION}
    alone = make_plan(order(objects, circumstances=Circumstances(going=going)))
    beside = make_plan(order(objects, circumstances=Circumstances(going=going, busy=dict.fromkeys(evicted, "3"))))
    assert alone.plan is not None
    assert beside.plan is not None
    assert sum(not node.existing for node in beside.plan.nodes) < sum(not node.existing for node in alone.plan.nodes)
