"""A cluster that has grown: old types, pods without owners' care, budgets that allow nothing, nodes half empty."""

from actors.cluster.records import Mode
from demo.clusters.character import Character, Group
from demo.clusters.workloads import budget, deployment, namespace, pod, stateful_set, system
from demo.kubernetes.store import Object
from domain import labels as keys
from domain.market import CapacityType

_OLD, _TEAM, _TOOLS = "legacy", "team-blue", "tools"
_STAY = {keys.SAFE_TO_EVICT: "false"}


def _objects() -> tuple[Object, ...]:
    return (
        *system(),
        *map(namespace, (_OLD, _TEAM, _TOOLS)),
        deployment(_OLD, "monolith", 3, pod("monolith", cpu=1_500, memory=5_000, apart=True, grace_s=90)),
        budget(_OLD, "monolith", minAvailable=3),
        stateful_set(_OLD, "old-db", 1, pod("old-db", cpu=1_000, memory=6_000), disk_gib=200),
        deployment(_OLD, "cron-runner", 1, pod("cron-runner", cpu=200, memory=400, annotations=_STAY)),
        deployment(_TEAM, "api", 7, pod("api", cpu=350, memory=600)),
        budget(_TEAM, "api", maxUnavailable=2),
        deployment(_TEAM, "frontend", 5, pod("frontend", cpu=150, memory=300)),
        deployment(_TEAM, "queue", 3, pod("queue", cpu=500, memory=1_200, apart=True)),
        budget(_TEAM, "queue", maxUnavailable=1),
        deployment(_TEAM, "queue-workers", 9, pod("queue-workers", cpu=450, memory=900)),
        deployment(_TOOLS, "build", 2, pod("build", cpu=1_200, memory=2_500)),
        deployment(_TOOLS, "wiki", 1, pod("wiki", cpu=250, memory=800)),
        deployment(_TOOLS, "monitoring", 2, pod("monitoring", cpu=600, memory=2_200)),
        budget(_TOOLS, "monitoring", minAvailable=1),
    )


MESSY = Character(
    name="legacy",
    story="grown over years: old types, odd budgets, nodes half empty",
    region="us-east-1",
    mode=Mode.APPROVE,
    groups=(
        Group(name="legacy-a", capacity_type=CapacityType.ON_DEMAND, nodes={"m4.xlarge": 3, "c4.2xlarge": 2}),
        Group(name="legacy-b", capacity_type=CapacityType.ON_DEMAND, nodes={"r5.xlarge": 2}),
        Group(name="legacy-spot", capacity_type=CapacityType.SPOT, nodes={"m5.xlarge": 3, "t3.xlarge": 1}),
    ),
    objects=_objects,
)
