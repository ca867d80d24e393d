import pytest

from domain.node import Effect
from domain.selectors import LabelSelector, NodeTerm, Operator, Requirement
from domain.workload import HostPort, NodePolicy, PodTerm, SpreadConstraint, Toleration
from tests.unit.kubernetes.kube import Json, make_container, make_node, make_object, make_pod, notes_of, read, read_pod

APP = LabelSelector(requirements=(Requirement(key="app", operator=Operator.IN, values=("api",)),))
SELECTOR = {"matchLabels": {"app": "api"}}
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
SOFT = "preferredDuringSchedulingIgnoredDuringExecution"


def anti(**term: object) -> Json:
    return make_pod(
        labels={"app": "api", "pod-template-hash": "abc"},
        affinity={"podAntiAffinity": {REQUIRED: [{"topologyKey": "kubernetes.io/hostname"} | term]}},
    )


def term_of(pod: Json, *others: Json) -> PodTerm:
    (term,) = read_pod(pod, *others).anti_affinity
    return term


def test_a_node_selector_is_kept_sorted() -> None:
    assert read_pod(make_pod(nodeSelector={"b": "2", "a": "1"})).node_selector == (("a", "1"), ("b", "2"))


def test_required_node_affinity_is_read_with_fields_and_the_soft_kind_is_not() -> None:
    term = {
        "matchExpressions": [
            {"key": "cpu", "operator": "Gt", "values": ["4"]},
            {"key": "gpu", "operator": "DoesNotExist"},
        ],
        "matchFields": [{"key": "metadata.name", "operator": "In", "values": ["node-1"]}],
    }
    affinity = {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [term, {}]}, SOFT: [{"weight": 1, "preference": {}}]}}
    assert read_pod(make_pod(affinity=affinity)).node_affinity == (
        NodeTerm(
            labels=(
                Requirement(key="cpu", operator=Operator.GT, values=("4",)),
                Requirement(key="gpu", operator=Operator.DOES_NOT_EXIST),
            ),
            names=(Requirement(key="metadata.name", operator=Operator.IN, values=("node-1",)),),
        ),
        NodeTerm(),
    )


def test_tolerations_keep_operator_value_and_effect() -> None:
    tolerations = [
        {"operator": "Exists"},
        {"key": "a", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
        {"key": "b", "value": "x", "effect": "NoSchedule"},
    ]
    assert read_pod(make_pod(tolerations=tolerations)).tolerations == (
        Toleration(exists=True),
        Toleration(key="a", exists=True, effect=Effect.NO_EXECUTE),
        Toleration(key="b", value="x", effect=Effect.NO_SCHEDULE),
    )


def test_a_toleration_that_compares_numbers_is_noted_and_not_counted_on() -> None:
    pod = make_pod(tolerations=[{"key": "sla", "operator": "Gt", "value": "950"}])
    snapshot = read(make_node(), pod)
    assert snapshot.pods[0].tolerations == ()
    assert "compare numbers" in notes_of(snapshot)


def test_an_anti_affinity_term_applies_to_the_pods_own_namespace_by_default() -> None:
    assert term_of(anti(labelSelector=SELECTOR)) == PodTerm(
        topology_key="kubernetes.io/hostname", selector=APP, namespaces=("shop",)
    )


def test_a_required_affinity_is_told_from_an_anti_affinity() -> None:
    affinity = {"podAffinity": {REQUIRED: [{"topologyKey": "zone", "labelSelector": {}}], SOFT: [{"weight": 5}]}}
    pod = read_pod(make_pod(affinity=affinity))
    assert pod.anti_affinity == ()
    assert pod.affinity == (PodTerm(topology_key="zone", selector=LabelSelector(), namespaces=("shop",)),)


def test_a_term_without_a_selector_matches_no_pod() -> None:
    assert term_of(anti()).selector is None


def test_listed_namespaces_replace_the_own_one_and_an_empty_selector_means_all() -> None:
    assert term_of(anti(namespaces=["b", "a"])).namespaces == ("a", "b")
    assert term_of(anti(namespaceSelector={})).namespaces is None
    assert term_of(anti(namespaceSelector={}, namespaces=["a"])).namespaces is None


def test_a_namespace_selector_is_resolved_by_namespace_objects() -> None:
    spaces = [
        make_object("Namespace", name, namespace="", api="v1", metadata={"labels": {"team": team}})
        for name, team in (("one", "web"), ("two", "data"), ("three", "web"))
    ]
    pod = anti(namespaceSelector={"matchLabels": {"team": "web"}}, namespaces=["extra"])
    assert term_of(pod, *spaces).namespaces == ("extra", "one", "three")


def test_a_namespace_selector_by_name_needs_no_namespace_objects() -> None:
    pod = anti(namespaceSelector={"matchLabels": {"kubernetes.io/metadata.name": "other"}})
    assert term_of(pod, make_pod("p", namespace="other")).namespaces == ("other",)
    assert term_of(pod).namespaces == ()


def test_a_namespace_selector_that_cannot_be_resolved_selects_all_and_is_noted() -> None:
    snapshot = read(make_node(), anti(namespaceSelector={"matchLabels": {"team": "web"}}))
    assert snapshot.pods[0].anti_affinity[0].namespaces is None
    assert "namespaceSelector" in notes_of(snapshot)


def test_label_keys_are_merged_into_the_selector_once() -> None:
    own = Requirement(key="pod-template-hash", operator=Operator.IN, values=("abc",))
    other = Requirement(key="app", operator=Operator.NOT_IN, values=("api",))
    merged = {"matchExpressions": [{"key": "pod-template-hash", "operator": "In", "values": ["abc"]}]}
    keys: Json = {"matchLabelKeys": ["pod-template-hash", "absent"], "mismatchLabelKeys": ["app"]}
    for selector in ({}, merged):
        found = term_of(anti(labelSelector=selector, **keys)).selector
        assert found == LabelSelector(requirements=(own, other))


def test_a_hard_spread_is_read_whole_and_a_soft_one_left_out() -> None:
    hard = {
        "topologyKey": "zone",
        "maxSkew": 2,
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": SELECTOR,
        "minDomains": 3,
        "matchLabelKeys": ["pod-template-hash"],
        "nodeAffinityPolicy": "Ignore",
        "nodeTaintsPolicy": "Honor",
    }
    soft = {"topologyKey": "host", "maxSkew": 1, "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": SELECTOR}
    pod = make_pod(labels={"pod-template-hash": "abc"}, topologySpreadConstraints=[soft, hard])
    own = Requirement(key="pod-template-hash", operator=Operator.IN, values=("abc",))
    assert read_pod(pod).spread == (
        SpreadConstraint(
            topology_key="zone",
            max_skew=2,
            selector=LabelSelector(requirements=(*APP.requirements, own)),
            min_domains=3,
            node_affinity_policy=NodePolicy.IGNORE,
            node_taints_policy=NodePolicy.HONOR,
        ),
    )


def test_host_ports_of_containers_and_sidecars_are_taken() -> None:
    main = make_container() | {"ports": [{"containerPort": 80, "hostPort": 8080}, {"containerPort": 81}]}
    port = {"containerPort": 53, "hostPort": 53, "protocol": "UDP", "hostIP": "10.0.0.1"}
    sidecar = make_container("s") | {"restartPolicy": "Always", "ports": [port]}
    init = make_container("i") | {"ports": [{"containerPort": 1, "hostPort": 1}]}
    assert read_pod(make_pod(containers=[main], initContainers=[sidecar, init])).host_ports == (
        HostPort(port=53, protocol="UDP", ip="10.0.0.1"),
        HostPort(port=8080),
    )


def test_on_the_hosts_network_every_container_port_is_a_host_port() -> None:
    main = make_container() | {"ports": [{"containerPort": 9100}]}
    assert read_pod(make_pod(containers=[main], hostNetwork=True)).host_ports == (HostPort(port=9100),)


@pytest.mark.parametrize(("given", "read_as"), [(90, 90), (None, 30), (0, 0), (-1, 0)])
def test_the_grace_period_is_never_negative(given: int | None, read_as: int) -> None:
    assert read_pod(make_pod(terminationGracePeriodSeconds=given)).termination_grace_s == read_as
