"""Real pods of a production cluster (Alibaba ``openb``, 2023) on the x86 Spot types of us-east-1.

A pod asks for CPU, memory and whole GPUs, as Kubernetes schedules them; the trace's shares of one GPU count as one.
Where it names only GPU models that EC2 rents on x86 (T4, V100, A10), the pod gets a node affinity for them; with a
model that EC2 does not rent among them (P100, and the unnamed G2 and G3) it may use any. Pods have no rules among each
other.
"""

from adapters.catalog import load_catalog
from domain.labels import KARPENTER_INSTANCE_PREFIX
from domain.market import Arch, CapacityType, Catalog
from domain.policy import Capacity
from domain.selectors import NodeTerm, Operator, Requirement
from domain.workload import Pod
from tests.benchmarks.data import read_rows
from tests.benchmarks.workloads import parts
from tests.benchmarks.workloads.parts import NAMESPACE, Workload, amounts

REGION = "us-east-1"
LISTS = ("default", "cpu050", "cpu200", "gpuspec20", "multigpu30")
RENTED_GPUS = {"T4": "t4", "V100M16": "v100", "V100M32": "v100", "A10": "a10g"}
GPU_NAME = KARPENTER_INSTANCE_PREFIX + "gpu-name"


def workload(pod_list: str) -> Workload:
    """One of `LISTS`, all pods pending.

    Raises
    ------
    LeftOut
        Without the data.
    """
    market = catalog()
    gpus_on_offer = {it.gpu_name for it in market.types.values()}
    pods = [_pod(row, gpus_on_offer) for row in _rows(pod_list)]
    return _workload(f"openb-{pod_list}", pods, market=market)


def cpu_and_memory_only() -> Workload:
    """The default list without its GPUs, on types without GPUs: plain packing in two dimensions."""
    market = _only(catalog(), {name for name, it in catalog().types.items() if not it.gpu_count})
    pods = [_pod(row | {"num_gpu": "0"}, set()) for row in _rows("default")]
    return _workload("openb-cpu-memory", pods, market=market)


def catalog() -> Catalog:
    """All x86 types of us-east-1 that have a Spot price in some zone, at their Spot prices."""
    full = load_catalog(REGION)
    spot = {o.pool.instance_type for o in full.offerings if o.capacity_type == CapacityType.SPOT}
    return _only(full, {name for name in spot if full.types[name].arch == Arch.AMD64})


def _only(catalog: Catalog, names: set[str]) -> Catalog:
    return Catalog(
        region=catalog.region,
        as_of=catalog.as_of,
        types={name: it for name, it in catalog.types.items() if name in names},
        offerings=tuple(
            o for o in catalog.offerings if o.pool.instance_type in names and o.capacity_type == CapacityType.SPOT
        ),
        notes=catalog.notes,
    )


def _rows(pod_list: str) -> list[dict[str, str]]:
    return read_rows(f"alibaba_openb_pods_2023/pods/openb_pod_list_{pod_list}.csv.gz")


def _workload(name: str, pods: list[Pod], *, market: Catalog) -> Workload:
    zones = tuple(sorted({o.zone for o in market.offerings}))
    return Workload(
        name=name,
        snapshot=parts.unplaced(REGION, zones, pods=pods),
        catalog=market,
        policy=parts.price_only(Capacity.SPOT),
        notes=(f"{len(pods)} pods, {len(market.types)} types, {len(zones)} zones",),
    )


def _pod(row: dict[str, str], gpus_on_offer: set[str]) -> Pod:
    requests = amounts(int(row["cpu_milli"]), int(row["memory_mib"]), gpus=int(row["num_gpu"]))
    models = _models(row.get("gpu_spec", ""), gpus_on_offer)
    affinity = NodeTerm(labels=(Requirement(key=GPU_NAME, operator=Operator.IN, values=models),))
    return Pod(
        namespace=NAMESPACE,
        name=row["name"],
        requests=requests,
        node_affinity=(affinity,) if models else (),
    )


def _models(gpu_spec: str, on_offer: set[str]) -> tuple[str, ...]:
    rented = {RENTED_GPUS.get(model, "") for model in gpu_spec.split("|") if model}
    return tuple(sorted(rented)) if rented <= on_offer - {""} else ()
