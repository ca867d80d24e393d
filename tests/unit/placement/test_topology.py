"""Rules between pods as counters: who raises which, who is bound by which."""

from domain import labels as keys
from domain.workload import HostPort, Pod
from solvers.placement.topology import RuleKind, Topology, looks_of, topology_of
from tests.builders import make_pod, make_pod_term, make_selector, make_spread

WEB = make_selector(app="web")


def topology(*pods: Pod) -> tuple[Topology, list[int]]:
    looks, look_of, groups = looks_of(pods)
    return topology_of(looks, groups), look_of


def kinds(found: Topology, look: int) -> list[RuleKind]:
    return sorted(rule.kind for rule in found.rules[look])


def test_pods_that_no_rule_tells_apart_share_a_look() -> None:
    _, look_of = topology(make_pod("a", labels={"app": "web"}), make_pod("b", labels={"app": "api"}))
    assert look_of == [0, 0]


def test_a_label_that_a_rule_asks_for_tells_pods_apart() -> None:
    shy = make_pod("a", anti_affinity=[make_pod_term(make_selector(app="api"))])
    _, look_of = topology(shy, make_pod("b"), make_pod("c", labels={"app": "api"}))
    assert look_of == [0, 1, 2]


def test_anti_affinity_binds_both_sides() -> None:
    shy = make_pod("a", anti_affinity=[make_pod_term(make_selector(app="api"))])
    found, look_of = topology(shy, make_pod("c", labels={"app": "api"}))

    assert [kinds(found, look) for look in look_of] == [[RuleKind.FORBID], [RuleKind.FORBID]]
    (mine,), (theirs,) = (found.rules[look] for look in look_of)
    assert mine.counter in found.raises[look_of[1]]
    assert theirs.counter in found.raises[look_of[0]]


def test_anti_affinity_of_another_namespace_binds_nobody_here() -> None:
    shy = make_pod("a", anti_affinity=[make_pod_term(make_selector(app="api"), namespaces=("elsewhere",))])
    found, look_of = topology(shy, make_pod("c", labels={"app": "api"}))

    assert found.rules[look_of[1]] == ()


def test_the_first_pod_of_a_series_that_selects_itself_needs_no_company() -> None:
    found, (look,) = topology(make_pod(affinity=[make_pod_term(WEB, keys.ZONE)]))
    (rule,) = found.rules[look]

    assert (rule.kind, rule.own) == (RuleKind.REQUIRE, 1)


def test_affinity_to_others_needs_company_from_the_start() -> None:
    found, (look,) = topology(make_pod(affinity=[make_pod_term(make_selector(app="db"), keys.ZONE)]))
    assert found.rules[look][0].own == 0


def test_several_affinity_terms_count_only_pods_that_meet_all_of_them() -> None:
    terms = [make_pod_term(WEB, keys.ZONE), make_pod_term(make_selector(tier="front"), keys.HOSTNAME)]
    lone = make_pod("b", labels={"app": "web"})
    whole = make_pod("c", labels={"app": "web", "tier": "front"})
    found, look_of = topology(make_pod("a", labels={}, affinity=terms), lone, whole)

    assert found.raises[look_of[1]] == ()
    assert len(found.raises[look_of[2]]) == 2


def test_spread_counts_only_pods_of_its_own_namespace() -> None:
    spread = make_pod("a", spread=[make_spread(WEB, max_skew=2, min_domains=3)])
    stranger = make_pod("b", namespace="elsewhere", labels={"app": "web"})
    found, look_of = topology(spread, stranger)
    (rule,) = found.rules[look_of[0]]

    assert (rule.kind, rule.skew, rule.min_domains, rule.own) == (RuleKind.SPREAD, 2, 3, 1)
    assert found.raises[look_of[1]] == ()


def test_a_node_counts_for_spread_only_with_the_labels_of_all_its_constraints() -> None:
    found, _ = topology(make_pod(spread=[make_spread(WEB, keys.ZONE), make_spread(WEB, "rack")]))
    assert {counter.labelled for counter in found.counters} == {tuple(sorted((keys.ZONE, "rack")))}


def test_host_ports_collide_with_their_own_kind_and_with_any_address() -> None:
    anywhere, one, other = (HostPort(port=80, ip=ip) for ip in ("0.0.0.0", "10.0.0.1", "10.0.0.2"))
    found, look_of = topology(*(make_pod(str(n), host_ports=[p]) for n, p in enumerate((anywhere, one, other))))
    bound = [{rule.counter for rule in found.rules[look]} for look in look_of]
    raised = [set(found.raises[look]) for look in look_of]

    assert bound[1] & raised[0]
    assert not bound[1] & raised[2]
    assert bound[1] & raised[1]


def test_another_protocol_is_another_port() -> None:
    pods = (
        make_pod("a", host_ports=[HostPort(port=53)]),
        make_pod("b", host_ports=[HostPort(port=53, protocol="UDP")]),
    )
    found, look_of = topology(*pods)

    assert not {rule.counter for rule in found.rules[look_of[0]]} & set(found.raises[look_of[1]])
