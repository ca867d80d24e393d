from domain.node import Effect
from domain.selectors import NodeTerm, Operator, Requirement
from domain.workload import HostPort, Owner, Pod, Toleration
from tests.unit.kubernetes.kube import Json, make_container, make_node, make_object, make_pod, notes_of, read

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
LINUX = {"key": "kubernetes.io/os", "operator": "In", "values": ["linux"]}


def daemon_set(name: str = "agent", **spec: object) -> Json:
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [make_container(cpu="100m")], **spec}}
    return make_object("DaemonSet", name, spec={"template": template})


def daemon_pod(name: str, *, cpu: str = "100m", terms: list[Json] | None = None) -> Json:
    affinity = {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": terms}}} if terms else {}
    return make_pod(name, owner=("DaemonSet", "agent"), containers=[make_container(cpu=cpu)], affinity=affinity)


def prototypes(*objects: Json) -> tuple[Pod, ...]:
    return read(make_node(), make_pod(), *objects).daemonsets


def test_a_prototype_is_read_from_the_template_of_a_daemon_set() -> None:
    main = make_container(cpu="100m") | {"ports": [{"containerPort": 9100}]}
    (prototype,) = prototypes(daemon_set(nodeSelector={"gpu": "yes"}, containers=[main], hostNetwork=True))
    assert (prototype.key, prototype.owner) == ("shop/agent", Owner(kind="DaemonSet", name="agent"))
    assert (prototype.requests.cpu_mcpu, prototype.labels, prototype.is_daemon) == (100, {"app": "agent"}, True)
    assert prototype.node_selector == (("gpu", "yes"),)
    assert prototype.host_ports == (HostPort(port=9100),)


def test_a_prototype_tolerates_what_the_controller_lets_it_tolerate() -> None:
    (prototype,) = prototypes(daemon_set())
    unschedulable = Toleration(key="node.kubernetes.io/unschedulable", exists=True, effect=Effect.NO_SCHEDULE)
    network = Toleration(key="node.kubernetes.io/network-unavailable", exists=True, effect=Effect.NO_SCHEDULE)
    assert unschedulable in prototype.tolerations
    assert network not in prototype.tolerations
    (on_host,) = prototypes(daemon_set(hostNetwork=True))
    assert network in on_host.tolerations


def test_a_limit_alone_is_a_request_in_a_template_too() -> None:
    container = {"name": "c", "resources": {"limits": {"cpu": "300m"}}}
    assert prototypes(daemon_set(containers=[container]))[0].requests.cpu_mcpu == 300


def test_a_daemon_set_that_is_missing_is_read_off_its_pods_with_a_note() -> None:
    own_node = [{"key": "metadata.name", "operator": "In", "values": ["node-1"]}]
    terms = [{"matchExpressions": [LINUX], "matchFields": own_node}]
    snapshot = read(make_node(), daemon_pod("agent-a", terms=terms), daemon_pod("agent-b", cpu="200m", terms=terms))
    (prototype,) = snapshot.daemonsets
    assert (prototype.key, prototype.node_name, prototype.requests.cpu_mcpu) == ("shop/agent", "", 200)
    linux = Requirement(key="kubernetes.io/os", operator=Operator.IN, values=("linux",))
    assert prototype.node_affinity == (NodeTerm(labels=(linux,)),)
    assert "DaemonSets that are not in the input are read off their pods: shop/agent" in notes_of(snapshot)


def test_the_bond_to_one_node_alone_leaves_no_affinity() -> None:
    terms = [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["node-1"]}]}]
    assert prototypes(daemon_pod("agent-a", terms=terms))[0].node_affinity == ()


def test_a_daemon_set_in_the_input_is_not_derived_again() -> None:
    found = prototypes(daemon_set(), daemon_pod("agent-a", cpu="900m"))
    assert [(prototype.name, prototype.requests.cpu_mcpu) for prototype in found] == [("agent", 100)]
