import pytest

from domain import labels as keys
from domain.errors import InputError
from domain.market import Arch, CapacityType, Zone
from domain.node import DEFAULT_TEMPLATE, Effect, Node, NodeTemplate, Taint
from domain.resources import Resources
from domain.snapshot import Snapshot
from domain.units import GIB
from tests.unit.kubernetes.kube import REGION_LABELS, Json, make_node, make_pod, notes_of, read


def node_of(node: Json) -> Node:
    return read(node, make_pod()).nodes[0]


def cluster(*nodes: Json) -> Snapshot:
    return read(*nodes, make_pod(node=""))


def templates(*nodes: Json) -> tuple[NodeTemplate, ...]:
    return cluster(*nodes).templates


def test_allocatable_is_read_with_extended_resources() -> None:
    found = node_of(
        make_node(allocatable={"nvidia.com/gpu": "4", "attachable-volumes-aws-ebs": "25", "hugepages-2Mi": "0"})
    )
    assert found.allocatable == Resources(
        cpu_mcpu=4000, memory_bytes=16 * GIB, pods=58, ephemeral_bytes=20 * GIB, extended=(("nvidia.com/gpu", 4),)
    )


def test_capacity_stands_in_for_allocatable() -> None:
    node = make_node()
    node["status"]["capacity"] = node["status"].pop("allocatable")
    assert node_of(node).allocatable.cpu_mcpu == 4000


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"karpenter.sh/capacity-type": "spot"}, CapacityType.SPOT),
        ({"karpenter.sh/capacity-type": "reserved"}, CapacityType.ON_DEMAND),
        ({"eks.amazonaws.com/capacityType": "SPOT"}, CapacityType.SPOT),
        ({"eks.amazonaws.com/capacityType": "ON_DEMAND"}, CapacityType.ON_DEMAND),
        ({"node-lifecycle": "spot"}, CapacityType.SPOT),
        ({"lifecycle": "Ec2Spot"}, CapacityType.SPOT),
        ({"lifecycle": "OnDemand"}, CapacityType.ON_DEMAND),
        ({"alpha.eksctl.io/nodegroup-name": "g", "node-lifecycle": "on-demand"}, CapacityType.ON_DEMAND),
        ({"cloud.google.com/gke-spot": "true"}, CapacityType.SPOT),
        ({"cloud.google.com/gke-preemptible": "true"}, CapacityType.SPOT),
        ({"cloud.google.com/gke-nodepool": "p"}, CapacityType.ON_DEMAND),
    ],
)
def test_the_capacity_type_is_known_by_many_labels(labels: Json, expected: CapacityType) -> None:
    snapshot = cluster(make_node(labels=REGION_LABELS | labels, bare=True))
    assert snapshot.nodes[0].capacity_type == expected
    assert "whether they are Spot" not in notes_of(snapshot)


def test_a_node_that_does_not_tell_is_on_demand_with_a_note() -> None:
    snapshot = cluster(make_node(labels=REGION_LABELS, bare=True))
    assert snapshot.nodes[0].capacity_type == CapacityType.ON_DEMAND
    assert "nodes that do not tell whether they are Spot are taken for on-demand: node-1" in snapshot.notes


def test_reserved_capacity_is_noted() -> None:
    assert "nodes on reserved capacity" in notes_of(
        cluster(make_node(labels={"karpenter.sh/capacity-type": "reserved"}))
    )


def test_a_zone_is_known_by_name_and_id() -> None:
    snapshot = cluster(make_node())
    assert snapshot.nodes[0].zone == Zone(id="use1-az6", name="us-east-1a")
    assert snapshot.zones == (Zone(id="use1-az6", name="us-east-1a"),)


def test_an_id_is_learnt_from_another_node_of_the_zone_or_from_the_caller() -> None:
    bare = make_node("node-2", labels={keys.ZONE: "us-east-1a"}, bare=True)
    assert cluster(make_node(), bare).nodes[1].zone.id == "use1-az6"
    zones = (Zone(id="use1-az2", name="us-east-1a"), Zone(id="use1-az3", name="us-east-1b"))
    snapshot = read(bare, make_pod(node=""), zones=zones)
    assert snapshot.nodes[0].zone.id == "use1-az2"
    assert snapshot.zones == zones


def test_a_name_is_learnt_from_another_node_of_the_zone() -> None:
    bare = make_node("node-2", labels={keys.ZONE_ID: "use1-az6"}, bare=True)
    assert cluster(make_node(), bare).zones == (Zone(id="use1-az6", name="us-east-1a"),)


def test_a_zone_without_an_id_goes_by_its_name_with_a_note() -> None:
    labels = {"failure-domain.beta.kubernetes.io/zone": "us-east-1f"}
    snapshot = cluster(make_node(labels=labels, bare=True))
    assert snapshot.nodes[0].zone == Zone(id="us-east-1f", name="us-east-1f")
    assert "zone ids that are not known, the name stands in for each: us-east-1f" in snapshot.notes


def test_a_node_without_labels_is_placed_by_its_provider_id() -> None:
    snapshot = cluster(make_node(bare=True, spec={"providerID": "aws:///eu-west-1b/i-0abc"}))
    assert snapshot.region == "eu-west-1"
    assert snapshot.nodes[0].zone.name == "eu-west-1b"
    assert snapshot.nodes[0].instance_type == ""
    assert "have no known price: node-1" in notes_of(snapshot)


def test_the_region_is_that_of_most_nodes_and_others_are_noted() -> None:
    stray = make_node("node-3", labels={keys.REGION: "eu-west-1"})
    snapshot = cluster(make_node(), make_node("node-2"), stray)
    assert snapshot.region == "us-east-1"
    assert "another region than us-east-1, which is planned for: eu-west-1" in notes_of(snapshot)


def test_the_region_that_the_caller_names_wins() -> None:
    snapshot = read(make_node(), make_pod(), region="us-west-2")
    assert snapshot.region == "us-west-2"
    assert "us-east-1" in notes_of(snapshot)


def test_state_is_read() -> None:
    node = make_node(
        spec={
            "unschedulable": True,
            "providerID": "aws:///us-east-1a/i-1",
            "taints": [
                {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"},
                {"key": "dedicated", "value": "db", "effect": "NoExecute"},
            ],
        }
    )
    node["status"]["conditions"][0]["status"] = "Unknown"
    found = node_of(node)
    assert (found.cordoned, found.ready, found.provider_id) == (True, False, "aws:///us-east-1a/i-1")
    assert found.taints == (
        Taint(key="dedicated", effect=Effect.NO_EXECUTE, value="db"),
        Taint(key="node.kubernetes.io/unschedulable", effect=Effect.NO_SCHEDULE),
    )


def test_a_price_is_not_known_here() -> None:
    assert (node_of(make_node()).price_usd_per_h, node_of(make_node()).interruption_per_month) == (None, 0.0)


@pytest.mark.parametrize(
    ("node", "reason"),
    [
        (make_node(), ""),
        (make_node(metadata={"annotations": {keys.DO_NOT_DISRUPT: "true"}}), f"annotation {keys.DO_NOT_DISRUPT}=true"),
        (make_node(metadata={"annotations": {keys.DO_NOT_DISRUPT: "false"}}), ""),
        (
            make_node(metadata={"annotations": {keys.SCALE_DOWN_DISABLED: "true"}}),
            f"annotation {keys.SCALE_DOWN_DISABLED}=true",
        ),
        (make_node(labels={"node-role.kubernetes.io/control-plane": ""}), "it runs the control plane"),
        (make_node(labels={keys.OS: "windows"}), "it runs Windows"),
        (make_node(metadata={"deletionTimestamp": "2026-02-03T10:00:00Z"}), "it is being deleted already"),
    ],
)
def test_what_keeps_a_node_is_told(node: Json, reason: str) -> None:
    assert node_of(node).do_not_disrupt == reason


@pytest.mark.parametrize("key", keys.NODE_GROUPS)
def test_nodes_are_grouped_by_the_label_of_their_group(key: str) -> None:
    snapshot = cluster(
        make_node("a", labels={key: "web", "team": "x", "only": "a"}),
        make_node("b", labels={key: "web", "team": "x"}),
        make_node("c", labels={key: "db"}),
    )
    assert [node.template for node in snapshot.nodes] == ["web", "web", "db"]
    assert [template.name for template in snapshot.templates] == ["web", "db"]
    assert snapshot.templates[0].labels == {key: "web", "team": "x"}


def test_a_template_carries_nothing_that_belongs_to_one_node() -> None:
    own = {
        keys.HOSTNAME: "ip-10",
        keys.ARCH: "amd64",
        keys.OS: "linux",
        "beta.kubernetes.io/os": "linux",
        "topology.ebs.csi.aws.com/zone": "us-east-1a",
        "karpenter.k8s.aws/instance-family": "m5",
        "nvidia.com/gpu.product": "Tesla-T4",
        "eks.amazonaws.com/capacityType": "SPOT",
        "node-lifecycle": "spot",
        "alpha.eksctl.io/instance-id": "i-1",
        "k8s.io/cloud-provider-aws": "5553ae84",
    }
    (template,) = templates(make_node(labels=own))
    assert template == NodeTemplate(name="default", architectures=(Arch.AMD64,))


def test_a_template_launches_the_architectures_that_its_nodes_have() -> None:
    def learnt(*architectures: str | None) -> tuple[Arch, ...]:
        nodes = [make_node(f"n{n}", labels={keys.ARCH: arch} if arch else {}) for n, arch in enumerate(architectures)]
        (template,) = templates(*nodes)
        return template.architectures

    assert learnt("arm64") == (Arch.ARM64,)
    assert learnt("amd64", "arm64", "amd64") == (Arch.AMD64, Arch.ARM64)
    assert learnt(None) == (Arch.AMD64,)


def test_taints_of_purpose_are_kept_and_taints_of_state_are_not() -> None:
    def node(name: str, *extra: str) -> Json:
        names = ("dedicated", "node.kubernetes.io/unschedulable", "ToBeDeletedByClusterAutoscaler", *extra)
        taints = [{"key": key, "effect": "NoSchedule"} for key in names]
        return make_node(name, labels={"karpenter.sh/nodepool": "p"}, spec={"taints": taints})

    (template,) = templates(node("a", "other"), node("b"))
    assert template.taints == (Taint(key="dedicated", effect=Effect.NO_SCHEDULE),)


def test_without_group_labels_nodes_are_grouped_by_what_is_custom_about_them() -> None:
    tainted = make_node("c", spec={"taints": [{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]})
    snapshot = cluster(make_node("a"), make_node("b", labels={"role": "db"}), tainted)
    assert [node.template for node in snapshot.nodes] == ["default", "role=db", "gpu=yes:NoSchedule"]


def test_groups_of_the_same_name_under_different_labels_stay_apart() -> None:
    nodes = [make_node("a", labels={keys.NODE_GROUPS[0]: "web"}), make_node("b", labels={keys.NODE_GROUPS[2]: "web"})]
    assert [template.name for template in templates(*nodes)] == ["web", f"{keys.NODE_GROUPS[2]}=web"]


def test_the_control_plane_is_no_model_for_new_nodes() -> None:
    master = make_node("a", labels={"node-role.kubernetes.io/control-plane": ""})
    assert templates(master, make_node("b", labels={"role": "db"}))[0].name == "role=db"
    assert templates(master) == (DEFAULT_TEMPLATE,)


def test_fargate_nodes_are_left_out_with_their_pods() -> None:
    fargate = make_node("fargate-1", labels={"eks.amazonaws.com/compute-type": "fargate"})
    snapshot = read(make_node(), fargate, make_pod("there", node="fargate-1"), make_pod("here"))
    assert [node.name for node in snapshot.nodes] == ["node-1"]
    assert [pod.name for pod in snapshot.pods] == ["here"]
    assert "Fargate" in notes_of(snapshot)


def test_no_region_no_zone_and_no_nodes_are_refused_with_what_to_do() -> None:
    with pytest.raises(InputError, match="--region"):
        read(make_node(bare=True), make_pod())
    with pytest.raises(InputError, match="--zones"):
        read(make_node(bare=True), make_pod(), region="us-east-1")
    with pytest.raises(InputError, match=r"holds no Node.*--from-scratch"):
        read(make_pod())
    with pytest.raises(InputError, match="kubectl get nodes,pods"):
        read(make_node())


def test_from_scratch_needs_no_nodes() -> None:
    snapshot = read(make_pod(), region="us-east-1", zones=(Zone(id="use1-az1", name="us-east-1a"),), from_scratch=True)
    assert (snapshot.nodes, snapshot.templates) == ((), (DEFAULT_TEMPLATE,))
