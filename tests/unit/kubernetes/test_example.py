"""The example cluster is what it says: as kubectl would print it, and every pod where its rules allow it."""

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from adapters.kubernetes.documents import read_documents
from adapters.kubernetes.selectors import selects
from adapters.kubernetes.snapshot import snapshot_from_objects
from domain import labels as keys
from domain.market import CapacityType
from domain.node import Node
from domain.resources import total
from domain.snapshot import Snapshot
from domain.workload import Pod
from examples.make_example import TARGET, web_shop


@pytest.fixture(scope="module")
def shop() -> Snapshot:
    return snapshot_from_objects(read_documents([TARGET]))


def residents(snapshot: Snapshot) -> list[tuple[Node, list[Pod]]]:
    return [(node, [pod for pod in snapshot.pods if pod.node_name == node.name]) for node in snapshot.nodes]


def test_the_file_is_what_the_script_makes() -> None:
    assert json.loads(gzip.decompress(Path(TARGET).read_bytes())) == web_shop()


def test_its_size_and_mix_are_as_described(shop: Snapshot) -> None:
    assert shop.region == "us-east-1"
    assert {zone.id for zone in shop.zones} == {"use1-az1", "use1-az4", "use1-az6"}
    assert {template.name for template in shop.templates} == {"general", "memory", "gpu"}
    assert 40 <= len(shop.nodes) <= 50
    assert 380 <= len(shop.pods) <= 460
    assert len({pod.namespace for pod in shop.pods}) == 8
    assert 0 < sum(node.capacity_type is CapacityType.SPOT for node in shop.nodes) < len(shop.nodes) / 4
    used, room = (total(x).cpu_mcpu for x in ([p.requests for p in shop.pods], [n.allocatable for n in shop.nodes]))
    assert 0.3 < used / room < 0.55


def test_every_rule_is_in_use(shop: Snapshot) -> None:
    assert len(shop.daemonsets) == 5
    assert any(budget.disruptions_allowed == 0 for budget in shop.budgets)
    for rule in (
        "volume_affinity",
        "spread",
        "affinity",
        "anti_affinity",
        "host_ports",
        "node_selector",
        "do_not_disrupt",
    ):
        assert any(getattr(pod, rule) for pod in shop.pods if not pod.is_daemon), rule


def test_no_node_holds_more_than_it_can(shop: Snapshot) -> None:
    for node, pods in residents(shop):
        assert total(pod.requests for pod in pods).short_of(node.allocatable) == (), node.name
        ports = Counter(port for pod in pods for port in pod.host_ports)
        assert max(ports.values()) == 1, node.name


def test_every_pod_runs_where_selectors_taints_and_volumes_allow(shop: Snapshot) -> None:
    for node, pods in residents(shop):
        for pod in pods:
            assert dict(pod.node_selector).items() <= node.labels.items(), pod.key
            for taint in node.taints:
                assert any(
                    (t.exists and t.key in ("", taint.key)) or (t.key, t.value) == (taint.key, taint.value)
                    for t in pod.tolerations
                ), pod.key
            for terms in pod.volume_affinity:
                assert node.labels[keys.ZONE] in terms[0].labels[0].values, pod.key


def test_pods_that_must_be_apart_are_and_pods_that_must_be_near_are(shop: Snapshot) -> None:
    place = {node.name: node for node in shop.nodes}
    for pod in shop.pods:
        others = [p for p in shop.pods if p.key != pod.key and p.namespace == pod.namespace]
        for term in pod.anti_affinity:
            assert term.topology_key == keys.HOSTNAME
            assert not [p for p in others if selects(term.selector, p.labels) and p.node_name == pod.node_name], pod.key
        for term in pod.affinity:
            zone = place[pod.node_name].zone
            assert [p for p in others if selects(term.selector, p.labels) and place[p.node_name].zone == zone], pod.key


def test_spread_holds_over_zones(shop: Snapshot) -> None:
    place = {node.name: node for node in shop.nodes}
    for pod in shop.pods:
        for constraint in pod.spread:
            alike = [p for p in shop.pods if p.namespace == pod.namespace and selects(constraint.selector, p.labels)]
            count = Counter(place[p.node_name].zone for p in alike)
            per_zone = [count[zone] for zone in shop.zones]
            assert max(per_zone) - min(per_zone) <= constraint.max_skew, pod.key
