"""What the shop runs: a table of workloads with their scheduling rules."""

from dataclasses import dataclass
from functools import partial


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A controller and what its pods ask for.

    Parameters
    ----------
    kind
        Deployment, StatefulSet, Job or DaemonSet; empty for a pod without a controller.
    cpu, memory
        Requests of the main container in thousandths of a CPU and MiB, as are those of ``sidecar`` and ``init``.
    group
        Node group it is made for; pods of the memory and GPU groups select and tolerate them.
    zone_skew
        Largest difference between zones, 0 for no rule.
    apart
        No two pods on one node.
    near
        Name of a workload of the same namespace in whose zone it must run, empty for none.
    budget
        A PodDisruptionBudget: ``minAvailable=2``, ``maxUnavailable=25%``, empty for none.
    volume_gib
        Size of the zonal disk of each pod, 0 for none.
    annotations
        Of the pods, beside what monitoring needs.
    """

    namespace: str
    name: str
    replicas: int
    cpu: int
    memory: int
    kind: str = "Deployment"
    group: str = "general"
    zone_skew: int = 0
    apart: bool = False
    near: str = ""
    budget: str = ""
    volume_gib: int = 0
    gpus: int = 0
    disk_mib: int = 0
    port: int = 8080
    host_port: int = 0
    host_network: bool = False
    sidecar: tuple[str, int, int] | None = None
    init: tuple[str, int, int] | None = None
    priority: str = ""
    grace_s: int = 30
    annotations: tuple[tuple[str, str], ...] = ()


_KEEP = (("karpenter.sh/do-not-disrupt", "true"),)
_NOT_SAFE = (("cluster-autoscaler.kubernetes.io/safe-to-evict", "false"),)
_ENVOY = ("envoy", 100, 128)
_LOG_SHIPPER = ("log-shipper", 50, 96)
_CRITICAL = "system-cluster-critical"
_ON_NODES = "system-node-critical"
_shop = partial(Workload, namespace="shop")
_checkout = partial(Workload, namespace="checkout")
_search = partial(Workload, namespace="search")
_data = partial(Workload, namespace="data")
_ml = partial(Workload, namespace="ml")
_batch = partial(Workload, namespace="batch")
_monitoring = partial(Workload, namespace="monitoring")
_kube_system = partial(Workload, namespace="kube-system")

WORKLOADS: tuple[Workload, ...] = (
    _shop(
        name="web-gateway",
        replicas=6,
        cpu=300,
        memory=384,
        zone_skew=1,
        apart=True,
        budget="minAvailable=4",
        host_port=8443,
    ),
    _shop(name="storefront", replicas=20, cpu=450, memory=768, zone_skew=1, budget="minAvailable=75%", sidecar=_ENVOY),
    _shop(
        name="product-api", replicas=14, cpu=400, memory=1024, zone_skew=2, budget="maxUnavailable=25%", sidecar=_ENVOY
    ),
    _shop(name="image-resizer", replicas=6, cpu=1100, memory=1024, disk_mib=4096),
    _shop(
        name="recommendations",
        replicas=5,
        cpu=750,
        memory=2048,
        budget="maxUnavailable=1",
        init=("load-model", 1500, 2560),
    ),
    _shop(name="session-cache", replicas=3, cpu=200, memory=1536, apart=True, budget="minAvailable=2"),
    _shop(name="reviews", replicas=4, cpu=200, memory=512),
    _shop(name="wishlist", replicas=3, cpu=150, memory=384),
    _checkout(
        name="checkout-api",
        replicas=9,
        cpu=600,
        memory=1024,
        zone_skew=1,
        budget="minAvailable=60%",
        init=("migrate", 100, 256),
    ),
    _checkout(
        name="payments", replicas=6, cpu=500, memory=1024, zone_skew=1, apart=True, budget="minAvailable=4", grace_s=90
    ),
    _checkout(name="cart", replicas=10, cpu=300, memory=512, budget="maxUnavailable=2", sidecar=_LOG_SHIPPER),
    _checkout(name="fraud-check", replicas=4, cpu=800, memory=1536, budget="minAvailable=50%"),
    _checkout(name="tax-engine", replicas=3, cpu=250, memory=768),
    _checkout(name="receipts", replicas=2, cpu=150, memory=384),
    _checkout(name="ledger", replicas=1, cpu=400, memory=1024, budget="minAvailable=1", grace_s=120),
    _search(
        name="opensearch-data",
        replicas=6,
        cpu=1800,
        memory=12288,
        kind="StatefulSet",
        group="memory",
        zone_skew=1,
        apart=True,
        budget="maxUnavailable=1",
        volume_gib=300,
        port=9200,
        grace_s=120,
    ),
    _search(
        name="opensearch-master",
        replicas=3,
        cpu=300,
        memory=1536,
        kind="StatefulSet",
        zone_skew=1,
        apart=True,
        budget="minAvailable=2",
        volume_gib=10,
    ),
    _search(name="query-api", replicas=10, cpu=500, memory=1024, zone_skew=1, budget="maxUnavailable=30%"),
    _search(name="query-cache", replicas=3, cpu=150, memory=1024, near="query-api"),
    _search(name="indexer", replicas=4, cpu=700, memory=1536),
    _search(name="suggest", replicas=4, cpu=250, memory=768),
    _data(
        name="postgres-orders",
        replicas=3,
        cpu=1500,
        memory=10240,
        kind="StatefulSet",
        group="memory",
        zone_skew=1,
        apart=True,
        budget="minAvailable=2",
        volume_gib=500,
        port=5432,
        grace_s=120,
    ),
    _data(
        name="redis-main",
        replicas=3,
        cpu=400,
        memory=6144,
        kind="StatefulSet",
        group="memory",
        apart=True,
        budget="maxUnavailable=1",
        port=6379,
    ),
    _data(
        name="kafka",
        replicas=3,
        cpu=1000,
        memory=4096,
        kind="StatefulSet",
        zone_skew=1,
        apart=True,
        budget="maxUnavailable=1",
        volume_gib=200,
        port=9092,
        grace_s=180,
    ),
    _data(name="kafka-connect", replicas=3, cpu=500, memory=2048),
    _data(name="schema-registry", replicas=2, cpu=200, memory=768, apart=True),
    _data(name="airflow-scheduler", replicas=1, cpu=500, memory=1536, sidecar=_LOG_SHIPPER),
    _data(name="airflow-worker", replicas=4, cpu=800, memory=2048, disk_mib=2048, grace_s=600),
    _data(name="etl-runner", replicas=3, cpu=900, memory=2048, annotations=_NOT_SAFE),
    _data(name="psql-shell", replicas=1, cpu=50, memory=128, kind=""),
    _ml(name="embedding-server", replicas=2, cpu=2500, memory=9216, group="gpu", budget="minAvailable=1", gpus=1),
    _ml(name="ranker-training", replicas=1, cpu=3000, memory=10240, kind="Job", group="gpu", gpus=1, annotations=_KEEP),
    _ml(name="feature-store", replicas=3, cpu=600, memory=2048, budget="minAvailable=2"),
    _ml(name="notebook", replicas=2, cpu=500, memory=3072, kind="StatefulSet", volume_gib=20),
    _batch(name="queue-worker", replicas=26, cpu=250, memory=512),
    _batch(name="mailer", replicas=4, cpu=150, memory=256),
    _batch(name="report-runner", replicas=3, cpu=600, memory=1536),
    _batch(name="image-backfill", replicas=2, cpu=900, memory=1024, kind="Job", disk_mib=8192, annotations=_KEEP),
    _monitoring(
        name="prometheus",
        replicas=2,
        cpu=1000,
        memory=6144,
        kind="StatefulSet",
        group="memory",
        apart=True,
        budget="maxUnavailable=1",
        volume_gib=250,
    ),
    _monitoring(
        name="alertmanager", replicas=3, cpu=100, memory=256, kind="StatefulSet", apart=True, budget="maxUnavailable=1"
    ),
    _monitoring(name="loki", replicas=3, cpu=500, memory=2048, kind="StatefulSet", zone_skew=1, volume_gib=100),
    _monitoring(name="grafana", replicas=1, cpu=200, memory=512),
    _monitoring(name="kube-state-metrics", replicas=1, cpu=100, memory=256),
    _monitoring(name="otel-collector", replicas=4, cpu=300, memory=512, zone_skew=2),
    _monitoring(
        name="node-exporter",
        replicas=0,
        cpu=50,
        memory=64,
        kind="DaemonSet",
        port=9100,
        host_port=9100,
        host_network=True,
    ),
    _kube_system(
        name="coredns",
        replicas=4,
        cpu=100,
        memory=70,
        zone_skew=1,
        apart=True,
        budget="maxUnavailable=1",
        port=53,
        priority=_CRITICAL,
    ),
    _kube_system(name="aws-load-balancer-controller", replicas=2, cpu=100, memory=200, apart=True, priority=_CRITICAL),
    _kube_system(
        name="ebs-csi-controller", replicas=2, cpu=60, memory=240, budget="maxUnavailable=1", priority=_CRITICAL
    ),
    _kube_system(name="metrics-server", replicas=2, cpu=100, memory=200, budget="minAvailable=1", priority=_CRITICAL),
    _kube_system(name="external-dns", replicas=1, cpu=50, memory=96),
    _kube_system(name="cluster-autoscaler", replicas=1, cpu=100, memory=600, priority=_CRITICAL, annotations=_NOT_SAFE),
    _kube_system(
        name="aws-node",
        replicas=0,
        cpu=25,
        memory=0,
        kind="DaemonSet",
        port=61678,
        host_port=61678,
        host_network=True,
        sidecar=("aws-eks-nodeagent", 25, 0),
        init=("aws-vpc-cni-init", 25, 0),
        priority=_ON_NODES,
    ),
    _kube_system(
        name="kube-proxy",
        replicas=0,
        cpu=100,
        memory=0,
        kind="DaemonSet",
        port=10249,
        host_network=True,
        priority=_ON_NODES,
    ),
    _kube_system(name="ebs-csi-node", replicas=0, cpu=30, memory=120, kind="DaemonSet", port=9808, priority=_ON_NODES),
    _kube_system(
        name="nvidia-device-plugin", replicas=0, cpu=50, memory=64, kind="DaemonSet", group="gpu", priority=_ON_NODES
    ),
)
