"""What a stored snapshot says a cluster runs."""

from typing import Any

import pytest

from actors.insight.census import Census, census_of
from domain.delta import ObjectSet
from domain.errors import InputError
from domain.market import CapacityType
from domain.spend import NodeGroup
from tests.unit.insight.objects import node, packed, pod


def test_nodes_are_counted_by_type_zone_and_capacity_type() -> None:
    found = census_of(packed(node("a"), node("b"), node("c", spot=False), node("d", ready=False)))
    assert [(g.instance_type, g.zone_id, g.capacity_type, g.nodes) for g in found.groups] == [
        ("m5.large", "use1-az1", CapacityType.ON_DEMAND, 1),
        ("m5.large", "use1-az1", CapacityType.SPOT, 3),
    ]
    assert (found.nodes, found.spot_nodes, found.ready_nodes) == (4, 3, 3)


def test_pods_that_wait_count_and_ask_like_those_that_run() -> None:
    found = census_of(packed(node("a"), pod("x", on="a"), pod("y"), pod("z", on="a", phase="Succeeded")))
    assert (found.pods, found.pending_pods, found.workload_mcpu) == (2, 1, 2 * (500 + 100))


@pytest.mark.parametrize("kind", ["DaemonSet", "Node"])
def test_pods_that_come_with_each_node_ask_for_nothing(kind: str) -> None:
    owned = pod("x", on="a", owner=kind)
    assert census_of(packed(node("a"), owned)).workload_mcpu == 0


def test_accelerators_count_at_what_they_cost() -> None:
    asks = {"cpu": "1", "memory": "10Gi", "nvidia.com/gpu": "2", "hugepages-2Mi": "4Mi"}
    assert census_of(packed(node("a"), pod("x", on="a", requests=asks))).workload_mcpu == 1_000 + 1_000 + 20_000


def test_a_pod_that_cannot_be_read_counts_and_asks_for_nothing() -> None:
    found = census_of(packed(node("a"), pod("x", on="a", requests={"cpu": "much"})))
    assert (found.pods, found.workload_mcpu) == (1, 0)


def test_a_damaged_snapshot_is_refused() -> None:
    with pytest.raises(InputError, match="damaged"):
        census_of(b"nonsense")


def test_an_empty_cluster_is_empty() -> None:
    nothing = Census(groups=(), ready_nodes=0, pods=0, pending_pods=0, workload_mcpu=0)
    assert census_of(ObjectSet.of([]).to_bytes()) == nothing


def test_a_group_without_nodes_is_refused() -> None:
    fields: dict[str, Any] = {"instance_type": "m5.large", "zone_id": "z", "capacity_type": CapacityType.SPOT}
    with pytest.raises(ValueError, match="has nodes"):
        NodeGroup(**fields, nodes=0)
