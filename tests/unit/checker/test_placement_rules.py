"""Each placement rule: a plan that keeps it passes, the same plan with one thing changed is refused for that rule."""

import pytest

from domain import labels as keys
from domain.node import Effect, Taint
from domain.selectors import LabelSelector, Operator
from domain.workload import HostPort, NodePolicy, Pod, Toleration
from solvers.checker import Rule
from tests.builders import (
    GPU,
    LARGE,
    XLARGE,
    ZONE_A,
    ZONE_B,
    ZONE_C,
    make_node,
    make_pod,
    make_pod_term,
    make_resources,
    make_selector,
    make_spread,
    make_term,
    planned_launch,
    require,
)
from tests.unit.checker.scenes import moved, scheduled

WEB, DB = make_selector(app="web"), make_selector(app="db")
SSD = {"disk": "ssd"}


def test_the_violation_names_pod_node_rule_and_step() -> None:
    (violation,) = moved(make_pod(node_selector=SSD), onto=make_node("n1")).violations()
    assert violation.rule is Rule.NODE_SELECTOR
    assert (violation.obj, violation.step) == ("web/a", 1)
    assert all(word in violation.text for word in ("web/a", "n1", "node-selector"))


def test_a_node_must_carry_the_labels_of_the_node_selector() -> None:
    pod = make_pod(node_selector=SSD)
    assert moved(pod, onto=make_node(labels=SSD)).rules() == set()
    assert moved(pod, onto=make_node(labels={"disk": "hdd"})).rules() == {Rule.NODE_SELECTOR}


@pytest.mark.parametrize(
    ("requirement", "good", "bad"),
    [
        (require("disk", Operator.IN, "ssd", "nvme"), "nvme", "hdd"),
        (require("disk", Operator.IN, "ssd"), "ssd", None),
        (require("disk", Operator.NOT_IN, "hdd"), None, "hdd"),
        (require("disk", Operator.EXISTS), "any", None),
        (require("disk", Operator.DOES_NOT_EXIST), None, "any"),
        (require("disk", Operator.GT, "10"), "11", "10"),
        (require("disk", Operator.LT, "10"), "-9", "10"),
        (require("disk", Operator.GT, "10"), "11", "eleven"),
        (require("disk", Operator.LT, "10"), "9", None),
    ],
    ids=str,
)
def test_each_operator_of_node_affinity_binds(requirement, good, bad) -> None:
    pod = make_pod(node_affinity=[make_term(requirement)])
    assert moved(pod, onto=make_node(labels={"disk": good} if good else {})).rules() == set()
    assert moved(pod, onto=make_node(labels={"disk": bad} if bad else {})).rules() == {Rule.NODE_AFFINITY}


def test_terms_of_node_affinity_are_alternatives_and_requirements_of_a_term_are_not() -> None:
    ssd, gpu = require("disk", Operator.IN, "ssd"), require("gpu", Operator.EXISTS)
    either = make_pod(node_affinity=[make_term(ssd), make_term(gpu)])
    both = make_pod(node_affinity=[make_term(ssd, gpu)])
    assert moved(either, onto=make_node(labels=SSD)).rules() == set()
    assert moved(both, onto=make_node(labels=SSD)).rules() == {Rule.NODE_AFFINITY}


def test_an_empty_term_of_node_affinity_matches_no_node() -> None:
    assert moved(make_pod(node_affinity=[make_term()]), onto=make_node()).rules() == {Rule.NODE_AFFINITY}


def test_match_fields_name_the_node() -> None:
    pod = make_pod(node_affinity=[make_term(names=[require("metadata.name", Operator.IN, "n1")])])
    assert moved(pod, onto=make_node("n1")).rules() == set()
    assert moved(pod, onto=make_node("n2")).rules() == {Rule.NODE_AFFINITY}


def test_a_launched_node_has_a_hostname_that_no_selector_can_name() -> None:
    pinned = make_pod(node_selector={keys.HOSTNAME: "new-1"})
    anywhere_else = make_pod(node_affinity=[make_term(require(keys.HOSTNAME, Operator.NOT_IN, "new-1"))])
    assert scheduled(pinned, onto=[planned_launch("new-1")]).rules() == {Rule.NODE_SELECTOR}
    assert scheduled(anywhere_else, onto=[planned_launch("new-1")]).rules() == set()


def test_every_volume_must_be_within_reach() -> None:
    in_a = (make_term(require(keys.ZONE, Operator.IN, ZONE_A.name)),)
    in_a_or_b = (make_term(require(keys.ZONE, Operator.IN, ZONE_A.name, ZONE_B.name)),)
    pod = make_pod(volume_affinity=[in_a_or_b, in_a])
    assert moved(pod, onto=make_node(zone=ZONE_A)).rules() == set()
    assert moved(pod, onto=make_node(zone=ZONE_B)).rules() == {Rule.VOLUME_AFFINITY}


@pytest.mark.parametrize("effect", [Effect.NO_SCHEDULE, Effect.NO_EXECUTE])
def test_a_taint_keeps_pods_off_that_do_not_tolerate_it(effect) -> None:
    node = make_node(taints=[Taint(key="team", value="ml", effect=effect)])
    tolerant = make_pod(tolerations=[Toleration(key="team", value="ml")])
    assert moved(tolerant, onto=node).rules() == set()
    assert moved(make_pod(), onto=node).rules() == {Rule.TAINT}


@pytest.mark.parametrize(
    ("toleration", "enough"),
    [
        (Toleration(key="team", exists=True), True),
        (Toleration(exists=True), True),
        (Toleration(key="team", value="ml", effect=Effect.NO_SCHEDULE), True),
        (Toleration(key="team", value="web"), False),
        (Toleration(key="squad", value="ml"), False),
        (Toleration(key="team", value="ml", effect=Effect.NO_EXECUTE), False),
        (Toleration(exists=True, effect=Effect.NO_EXECUTE), False),
    ],
    ids=str,
)
def test_a_toleration_must_fit_key_value_and_effect(toleration, enough) -> None:
    node = make_node(taints=[Taint(key="team", value="ml", effect=Effect.NO_SCHEDULE)])
    expected = set() if enough else {Rule.TAINT}
    assert moved(make_pod(tolerations=[toleration]), onto=node).rules() == expected


def test_a_taint_that_only_prefers_keeps_nobody_off() -> None:
    node = make_node(taints=[Taint(key="team", effect=Effect.PREFER_NO_SCHEDULE)])
    assert moved(make_pod(), onto=node).rules() == set()


def test_nothing_is_placed_on_a_cordoned_node_whatever_it_tolerates() -> None:
    pod = make_pod(tolerations=[Toleration(exists=True)])
    assert moved(pod, onto=make_node()).rules() == set()
    assert moved(pod, onto=make_node(cordoned=True)).rules() == {Rule.CORDONED}


def test_nothing_is_placed_on_a_node_that_is_not_ready() -> None:
    assert moved(make_pod(), onto=make_node(ready=False)).rules() == {Rule.NOT_READY}


@pytest.mark.parametrize(
    "requests",
    [
        make_resources(cpu=2.1),
        make_resources(gib=8.1),
        make_resources(disk_gib=21),
        make_resources(extended={"nvidia.com/gpu": 1}),
    ],
    ids=["cpu", "memory", "ephemeral-storage", "extended"],
)
def test_every_resource_must_fit(requests) -> None:
    assert moved(make_pod(requests=make_resources()), onto=make_node()).rules() == set()
    assert moved(make_pod(requests=requests), onto=make_node()).rules() == {Rule.RESOURCES}


def test_an_extended_resource_is_used_up() -> None:
    needs_gpu = make_resources(extended={"nvidia.com/gpu": 1})
    first, second = make_pod("a", requests=needs_gpu), make_pod("b", requests=needs_gpu)
    assert moved(first, onto=make_node(kind=GPU)).rules() == set()
    assert moved(first, second, onto=make_node(kind=GPU)).rules() == {Rule.RESOURCES}


def test_a_node_takes_no_more_pods_than_the_kubelet_allows() -> None:
    tiny = [make_pod(f"p{i}", cpu=0.01, gib=0.01, on="n1") for i in range(30)]
    mover = make_pod("mover", cpu=0.01, gib=0.01)
    assert moved(mover, onto=make_node("n1"), others=tiny[1:]).rules() == set()
    assert moved(mover, onto=make_node("n1"), others=tiny).rules() == {Rule.RESOURCES}


def test_room_is_what_the_pods_there_leave() -> None:
    assert moved(make_pod(cpu=1), onto=make_node(), others=[make_pod("b", cpu=1, on="n1")]).rules() == set()
    assert moved(make_pod(cpu=1), onto=make_node(), others=[make_pod("b", cpu=1.1, on="n1")]).rules() == {
        Rule.RESOURCES
    }


def test_an_overcommitted_resource_binds_only_pods_that_ask_for_it() -> None:
    glutton = make_pod("glutton", cpu=3, on="n1")
    assert moved(make_pod(cpu=0), onto=make_node(), others=[glutton]).rules() == set()
    assert moved(make_pod(cpu=0.1), onto=make_node(), others=[glutton]).rules() == {Rule.RESOURCES}


@pytest.mark.parametrize(
    ("taken", "collides"),
    [
        (HostPort(port=80), True),
        (HostPort(port=80, ip="10.0.0.1"), True),
        (HostPort(port=81), False),
        (HostPort(port=80, protocol="UDP"), False),
    ],
    ids=str,
)
def test_host_ports_collide_by_port_protocol_and_wildcard_address(taken, collides) -> None:
    other = make_pod("other", host_ports=[taken], on="n1")
    expected = {Rule.HOST_PORT} if collides else set()
    assert moved(make_pod(host_ports=[HostPort(port=80)]), onto=make_node(), others=[other]).rules() == expected


def test_host_ports_on_different_addresses_do_not_collide() -> None:
    one, other = HostPort(port=80, ip="10.0.0.1"), HostPort(port=80, ip="10.0.0.2")
    assert (
        moved(make_pod(host_ports=[one]), onto=make_node(), others=[make_pod("b", host_ports=[other], on="n1")]).rules()
        == set()
    )


def test_a_port_is_free_again_when_its_pod_has_left() -> None:
    port = [HostPort(port=80)]
    a, b = make_pod("a", host_ports=port, on="n1"), make_pod("b", host_ports=port)
    scene = moved(b, onto=make_node("n2"), others=[a], nodes=[make_node("n1")])
    assert scene.rules() == set()


def test_pod_affinity_needs_a_matching_pod_in_the_domain() -> None:
    pod = make_pod(affinity=[make_pod_term(DB, keys.ZONE)])
    db = make_pod("db", labels={"app": "db"}, on="n2")
    near, far = make_node("n2", zone=ZONE_A), make_node("n2", zone=ZONE_B)
    assert moved(pod, onto=make_node("n1"), others=[db], nodes=[near]).rules() == set()
    assert moved(pod, onto=make_node("n1"), others=[db], nodes=[far]).rules() == {Rule.POD_AFFINITY}


def test_pod_affinity_looks_into_its_namespaces_only() -> None:
    db = make_pod("db", namespace="data", labels={"app": "db"}, on="n1")
    for namespaces, expected in ((("data",), set()), (None, set()), (("web",), {Rule.POD_AFFINITY})):
        pod = make_pod(affinity=[make_pod_term(DB, namespaces=namespaces)])
        assert moved(pod, onto=make_node("n1"), others=[db]).rules() == expected


def test_pod_affinity_counts_only_pods_that_meet_all_its_terms() -> None:
    blue = make_selector(color="blue")
    pod = make_pod(affinity=[make_pod_term(DB), make_pod_term(blue)])
    both = make_pod("both", labels={"app": "db", "color": "blue"}, on="n1")
    one, other = make_pod("one", labels={"app": "db"}, on="n1"), make_pod("other", labels={"color": "blue"}, on="n1")
    assert moved(pod, onto=make_node("n1"), others=[both]).rules() == set()
    assert moved(pod, onto=make_node("n1"), others=[one, other]).rules() == {Rule.POD_AFFINITY}


def test_the_first_pod_of_a_series_needs_no_company() -> None:
    series = make_pod(affinity=[make_pod_term(WEB)])
    stranger = make_pod(affinity=[make_pod_term(DB)])
    assert moved(series, onto=make_node()).rules() == set()
    assert moved(stranger, onto=make_node()).rules() == {Rule.POD_AFFINITY}


def test_the_second_pod_of_a_series_goes_where_the_first_is() -> None:
    pod, first = make_pod(affinity=[make_pod_term(WEB)]), make_pod("first", on="n2")
    assert moved(pod, onto=make_node("n2"), others=[first]).rules() == set()
    assert moved(pod, onto=make_node("n1"), others=[first], nodes=[make_node("n2")]).rules() == {Rule.POD_AFFINITY}


def test_pod_affinity_needs_a_node_with_the_topology_key() -> None:
    pod = make_pod(affinity=[make_pod_term(WEB, "rack")])
    assert moved(pod, onto=make_node(labels={"rack": "1"})).rules() == set()
    assert moved(pod, onto=make_node()).rules() == {Rule.POD_AFFINITY}


def test_anti_affinity_keeps_a_pod_away_from_those_it_selects() -> None:
    pod = make_pod(anti_affinity=[make_pod_term(DB)])
    db = make_pod("db", labels={"app": "db"}, on="n2")
    assert moved(pod, onto=make_node("n1"), others=[db], nodes=[make_node("n2")]).rules() == set()
    assert moved(pod, onto=make_node("n2"), others=[db]).rules() == {Rule.POD_ANTI_AFFINITY}


def test_anti_affinity_of_running_pods_keeps_new_ones_away() -> None:
    hermit = make_pod("hermit", labels={"app": "db"}, anti_affinity=[make_pod_term(WEB, keys.ZONE)], on="n2")
    far, near = make_node("n2", zone=ZONE_B), make_node("n2", zone=ZONE_A)
    assert moved(make_pod(), onto=make_node("n1"), others=[hermit], nodes=[far]).rules() == set()
    assert moved(make_pod(), onto=make_node("n1"), others=[hermit], nodes=[near]).rules() == {Rule.POD_ANTI_AFFINITY}


def test_anti_affinity_binds_between_pods_moved_in_the_same_step() -> None:
    a, b = (make_pod(name, anti_affinity=[make_pod_term(WEB)]) for name in "ab")
    assert moved(a, onto=make_node("n1")).rules() == set()
    assert moved(a, b, onto=make_node("n1")).rules() == {Rule.POD_ANTI_AFFINITY}


def test_anti_affinity_over_a_key_that_the_node_lacks_does_not_bind() -> None:
    a, b = (make_pod(name, anti_affinity=[make_pod_term(WEB, "rack")]) for name in "ab")
    assert moved(a, b, onto=make_node("n1")).rules() == set()
    assert moved(a, b, onto=make_node("n1", labels={"rack": "1"})).rules() == {Rule.POD_ANTI_AFFINITY}


def test_an_absent_selector_selects_no_pod_and_an_empty_one_every_pod() -> None:
    absent, empty = (make_pod_term(selector) for selector in (None, LabelSelector()))
    other = make_pod("other", on="n1")
    assert moved(make_pod(anti_affinity=[absent]), onto=make_node(), others=[other]).rules() == set()
    assert moved(make_pod(anti_affinity=[empty]), onto=make_node(), others=[other]).rules() == {Rule.POD_ANTI_AFFINITY}


def three_zones(*counts: int) -> tuple[list, list[Pod]]:
    nodes = [make_node(f"z{i}", zone=zone) for i, zone in enumerate((ZONE_A, ZONE_B, ZONE_C)[: len(counts)])]
    pods = [make_pod(f"z{i}-{k}", cpu=0.1, on=f"z{i}") for i, count in enumerate(counts) for k in range(count)]
    return nodes, pods


@pytest.mark.parametrize(
    ("counts", "max_skew", "min_domains", "fits"),
    [
        ((1, 1, 1), 1, None, True),
        ((2, 1, 1), 1, None, False),
        ((2, 1, 1), 2, None, True),
        ((1, 1, 0), 1, None, False),
        ((0, 0, 0), 1, None, True),
        ((1, 1, 1), 1, 3, True),
        ((1, 1), 1, 3, False),
        ((0, 0), 1, 3, True),
    ],
)
def test_the_skew_counts_the_pod_itself_against_the_emptiest_domain(counts, max_skew, min_domains, fits) -> None:
    nodes, others = three_zones(*counts)
    pod = make_pod("mover", cpu=0.1, spread=[make_spread(WEB, max_skew=max_skew, min_domains=min_domains)])
    scene = moved(pod, onto=nodes[0], others=others, nodes=nodes[1:])
    assert scene.rules() == (set() if fits else {Rule.TOPOLOGY_SPREAD})


def test_a_pod_that_its_constraint_does_not_select_does_not_count_itself() -> None:
    nodes, others = three_zones(1, 0, 0)
    spread = [make_spread(WEB)]
    assert (
        moved(make_pod("m", labels={}, spread=spread), onto=nodes[0], others=others, nodes=nodes[1:]).rules() == set()
    )
    assert moved(make_pod("m", spread=spread), onto=nodes[0], others=others, nodes=nodes[1:]).rules() == {
        Rule.TOPOLOGY_SPREAD
    }


def test_spread_needs_a_node_with_the_topology_key() -> None:
    pod = make_pod(spread=[make_spread(WEB, "rack")])
    assert moved(pod, onto=make_node(labels={"rack": "1"})).rules() == set()
    assert moved(pod, onto=make_node()).rules() == {Rule.TOPOLOGY_SPREAD}


def test_nodes_that_lack_one_of_the_keys_are_no_domains_of_any() -> None:
    nodes = [make_node("n1", labels={"rack": "1"}), make_node("n2", zone=ZONE_B)]
    pod = make_pod(spread=[make_spread(WEB, max_skew=1), make_spread(WEB, "rack", max_skew=9)])
    others = [make_pod("other", on="n1")]
    assert moved(pod, onto=nodes[0], nodes=nodes[1:], others=others).rules() == set()
    both = [nodes[0], make_node("n2", zone=ZONE_B, labels={"rack": "2"})]
    assert moved(pod, onto=both[0], nodes=both[1:], others=others).rules() == {Rule.TOPOLOGY_SPREAD}


def test_node_affinity_decides_which_nodes_are_domains_unless_ignored() -> None:
    nodes = [make_node("n1", labels=SSD), make_node("n2", zone=ZONE_B)]
    others = [make_pod("other", on="n1")]
    for policy, expected in ((NodePolicy.HONOR, set()), (NodePolicy.IGNORE, {Rule.TOPOLOGY_SPREAD})):
        pod = make_pod(node_selector=SSD, spread=[make_spread(WEB, affinity_policy=policy)])
        assert moved(pod, onto=nodes[0], nodes=nodes[1:], others=others).rules() == expected


def test_taints_decide_which_nodes_are_domains_only_when_honoured() -> None:
    nodes = [make_node("n1"), make_node("n2", zone=ZONE_B, taints=[Taint(key="x", effect=Effect.NO_SCHEDULE)])]
    others = [make_pod("other", on="n1")]
    for policy, expected in ((NodePolicy.HONOR, set()), (NodePolicy.IGNORE, {Rule.TOPOLOGY_SPREAD})):
        pod = make_pod(spread=[make_spread(WEB, taints_policy=policy)])
        assert moved(pod, onto=nodes[0], nodes=nodes[1:], others=others).rules() == expected


def test_a_drained_node_is_an_empty_domain_until_it_is_gone_unless_taints_are_honoured() -> None:
    nodes, others = [make_node("n1")], [make_pod("other", on="n1")]
    for policy, expected in ((NodePolicy.HONOR, set()), (NodePolicy.IGNORE, {Rule.TOPOLOGY_SPREAD})):
        pod = make_pod(spread=[make_spread(WEB, keys.HOSTNAME, taints_policy=policy)])
        assert moved(pod, onto=nodes[0], others=others).rules() == expected


def test_pods_of_other_namespaces_do_not_count_for_spread() -> None:
    nodes, _ = three_zones(0, 0, 0)
    others = [make_pod("other", namespace="data", labels={"app": "web"}, on="z0")]
    pod = make_pod(spread=[make_spread(WEB)])
    assert moved(pod, onto=nodes[0], nodes=nodes[1:], others=others).rules() == set()


def test_a_launched_node_carries_what_its_type_brings() -> None:
    large = make_pod(node_selector={keys.INSTANCE_TYPE: LARGE.name})
    assert scheduled(large, onto=[planned_launch(kind=LARGE)]).rules() == set()
    assert scheduled(large, onto=[planned_launch(kind=XLARGE)]).rules() == {Rule.NODE_SELECTOR}


def test_a_pod_that_only_fits_before_others_come_is_placed_before_them() -> None:
    """Three pods that match but carry no constraint fill the zone beyond what the fourth pod would accept later."""
    first, second = planned_launch("new-1"), planned_launch("new-2")
    others = [make_pod(name, 0.1) for name in "abc"]
    picky = make_pod("picky", 0.1, spread=[make_spread(WEB, max_skew=3, min_domains=2)])
    at = ["new-1", "new-1", "new-1", "new-2"]

    assert scheduled(*others, picky, onto=[first, second], at=at).rules() == set()
