"""Machine learning: pods that need GPUs, training that must not be disturbed, and services beside them."""

from actors.cluster.records import Mode
from demo.clusters.character import Character, Group
from demo.clusters.workloads import budget, cron_job, deployment, namespace, pod, system
from demo.kubernetes.store import Object
from domain import labels as keys
from domain.market import CapacityType
from domain.node import Effect, Taint

_ML, _GPU = "ml", "nvidia.com/gpu"
_ON_GPU = {"workload": "gpu"}


def _objects() -> tuple[Object, ...]:
    inference = pod("inference", cpu=2_500, memory=8_000, gpus=1, selector=_ON_GPU, tolerates=_GPU, grace_s=60)
    training = pod(
        "training",
        cpu=3_000,
        memory=10_000,
        gpus=1,
        selector=_ON_GPU,
        tolerates=_GPU,
        run_s=600,
        annotations={keys.DO_NOT_DISRUPT: "true"},
    )
    return (
        *system(),
        namespace(_ML),
        deployment(_ML, "inference", 3, inference),
        budget(_ML, "inference", maxUnavailable=1),
        cron_job(_ML, "training", training, every_s=900, completions=1, parallelism=1),
        deployment(_ML, "features", 6, pod("features", cpu=800, memory=3_000)),
        budget(_ML, "features", maxUnavailable="34%"),
        deployment(_ML, "notebooks", 4, pod("notebooks", cpu=500, memory=4_000)),
    )


TRAINING = Character(
    name="ml-training",
    story="inference and training on GPUs; training must not be disturbed",
    region="us-east-1",
    mode=Mode.APPROVE,
    groups=(
        Group(
            name="ml-gpu",
            capacity_type=CapacityType.ON_DEMAND,
            nodes={"g4dn.xlarge": 2, "g4dn.2xlarge": 2},
            labels=_ON_GPU,
            taints=(Taint(key=_GPU, effect=Effect.NO_SCHEDULE, value="present"),),
        ),
        Group(name="ml-base", capacity_type=CapacityType.ON_DEMAND, nodes={"m5.2xlarge": 3, "r5.xlarge": 1}),
    ),
    objects=_objects,
    zones="ab",
)
