"""Nightly work without end: jobs that come, run for a minute or two and go, on Spot nodes and one on-demand node."""

from actors.cluster.records import Mode
from demo.clusters.character import Character, Group
from demo.clusters.workloads import budget, cron_job, deployment, namespace, pod, system
from demo.kubernetes.store import Object
from domain.market import CapacityType

_WORK = "pipelines"


def _objects() -> tuple[Object, ...]:
    return (
        *system(),
        namespace(_WORK),
        cron_job(
            _WORK, "import", pod("import", cpu=900, memory=1_500, run_s=90), every_s=120, completions=8, parallelism=4
        ),
        cron_job(
            _WORK,
            "transform",
            pod("transform", cpu=1_800, memory=3_000, run_s=150),
            every_s=240,
            completions=6,
            parallelism=4,
        ),
        cron_job(
            _WORK, "report", pod("report", cpu=400, memory=800, run_s=45), every_s=90, completions=3, parallelism=3
        ),
        deployment(_WORK, "scheduler", 2, pod("scheduler", cpu=300, memory=512, apart=True)),
        budget(_WORK, "scheduler", maxUnavailable=1),
        deployment(_WORK, "worker", 14, pod("worker", cpu=700, memory=1_200, grace_s=45)),
        budget(_WORK, "worker", maxUnavailable="30%"),
    )


BATCH = Character(
    name="batch",
    story="jobs that come and go, on Spot nodes",
    region="us-east-1",
    mode=Mode.AUTOMATIC,
    groups=(
        Group(name="batch-base", capacity_type=CapacityType.ON_DEMAND, nodes={"m5.xlarge": 1}),
        Group(name="batch-spot", capacity_type=CapacityType.SPOT, nodes={"c5.2xlarge": 3, "m5.xlarge": 3}),
    ),
    objects=_objects,
    zones="ab",
)
