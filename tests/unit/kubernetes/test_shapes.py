from pathlib import Path

from adapters.kubernetes.documents import read_documents
from adapters.kubernetes.snapshot import snapshot_from_objects
from domain.market import CapacityType, Zone
from domain.node import Taint
from domain.snapshot import Snapshot

FIXTURES = Path(__file__).parents[2] / "fixtures" / "kubernetes"


def load(name: str, *, region: str | None = None, zones: tuple[Zone, ...] = ()) -> Snapshot:
    return snapshot_from_objects(read_documents([FIXTURES / name]), region=region, zones=zones)


def test_an_eks_dump_is_read() -> None:
    snapshot = load("eks.json")
    spot, on_demand = snapshot.nodes
    assert snapshot.region == "eu-west-1"
    assert spot.zone == Zone(id="euw1-az3", name="eu-west-1a")
    assert (spot.capacity_type, spot.instance_type, spot.template) == (CapacityType.SPOT, "m6i.xlarge", "default")
    assert (on_demand.capacity_type, on_demand.template) == (CapacityType.ON_DEMAND, "system")
    assert sorted(pod.key for pod in snapshot.pods) == [
        "kube-system/aws-node-abcde",
        "kube-system/coredns-7b5d44b6b8-k2k2k",
        "web/api-6d4b75cb6d-x7x2p",
        "web/db-0",
    ]
    pods = {pod.name.partition("-")[0]: pod for pod in snapshot.pods}
    assert pods["api"].requests.cpu_mcpu == 1000, "migrate runs before the proxy starts"
    assert len(pods["api"].spread) == 1
    assert pods["db"].volume_affinity[0][0].labels[0].values == ("eu-west-1a",)
    assert [budget.disruptions_allowed for budget in snapshot.budgets] == [0]
    assert [daemon.key for daemon in snapshot.daemonsets] == ["kube-system/aws-node"]
    assert snapshot.templates[0].labels["team"] == "web"


def test_a_gke_dump_is_read() -> None:
    snapshot = load("gke.json")
    assert snapshot.region == "europe-west4"
    assert [node.capacity_type for node in snapshot.nodes] == [CapacityType.ON_DEMAND, CapacityType.SPOT]
    assert [node.template for node in snapshot.nodes] == ["default-pool", "spot-pool"]
    assert snapshot.nodes[0].zone == Zone(id="europe-west4-a", name="europe-west4-a")
    pods = {pod.name.partition("-")[0]: pod for pod in snapshot.pods}
    assert pods["frontend"].requests.memory_bytes == 128_000_000
    assert pods["kube"].is_mirror
    assert [[term.labels[0].values for term in terms] for terms in pods["mysql"].volume_affinity] == [
        [("europe-west4-a",), ("europe-west4-b",)],
        [("europe-west4-a", "europe-west4-b")],
    ]
    assert [daemon.key for daemon in snapshot.daemonsets] == ["kube-system/fluentbit-gke"]


def test_a_kind_dump_is_read_once_region_and_zone_are_named() -> None:
    zone = Zone(id="use1-az1", name="us-east-1a")
    snapshot = load("kind.json", region="us-east-1", zones=(zone,))
    control_plane, worker = snapshot.nodes
    assert control_plane.do_not_disrupt == "it runs the control plane"
    assert control_plane.taints == (
        Taint(key="node-role.kubernetes.io/control-plane", effect=control_plane.taints[0].effect),
    )
    assert (worker.template, worker.zone.name, worker.instance_type) == ("default", "unknown", "")
    assert [template.name for template in snapshot.templates] == ["default"]
    assert snapshot.zones == (zone,)
    held = {pod.name: pod.do_not_disrupt for pod in snapshot.pods if pod.do_not_disrupt}
    assert held == {"scratch": "no controller would bring it back"}
