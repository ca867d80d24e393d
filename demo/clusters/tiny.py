"""A tiny cluster: three small nodes and little on them."""

from actors.cluster.records import Mode
from demo.clusters.character import Character, Group
from demo.clusters.workloads import budget, deployment, namespace, pod, system
from demo.kubernetes.store import Object
from domain.market import CapacityType


def _objects() -> tuple[Object, ...]:
    return (
        *system(),
        namespace("blog"),
        deployment("blog", "blog", 2, pod("blog", cpu=200, memory=384)),
        budget("blog", "blog", minAvailable=1),
        deployment("blog", "comments", 1, pod("comments", cpu=100, memory=256)),
    )


TINY = Character(
    name="tiny",
    story="three small nodes and little on them",
    region="eu-west-1",
    mode=Mode.RECOMMEND,
    groups=(Group(name="tiny-nodes", capacity_type=CapacityType.ON_DEMAND, nodes={"t3.medium": 3}),),
    objects=_objects,
)
