"""A small shop on three on-demand nodes that are half empty: what whoever watches may connect and have optimised."""

from actors.cluster.records import Mode
from demo.clusters.character import Character, Group
from demo.clusters.workloads import budget, deployment, namespace, pod, system
from demo.kubernetes.store import Object
from domain.market import CapacityType

_SHOP = "bakery"


def _objects() -> tuple[Object, ...]:
    return (
        *system(),
        namespace(_SHOP),
        deployment(_SHOP, "counter", 6, pod("counter", cpu=300, memory=768, grace_s=5)),
        budget(_SHOP, "counter", maxUnavailable="50%"),
        deployment(_SHOP, "orders", 4, pod("orders", cpu=500, memory=1_536, grace_s=5)),
        budget(_SHOP, "orders", maxUnavailable=1),
        deployment(_SHOP, "ovens", 3, pod("ovens", cpu=400, memory=1_024, grace_s=5)),
    )


BAKERY = Character(
    name="bakery",
    story="a small shop on three on-demand nodes, half empty",
    region="us-east-1",
    mode=Mode.APPROVE,
    groups=(Group(name="bakery-nodes", capacity_type=CapacityType.ON_DEMAND, nodes={"m5.xlarge": 3}),),
    objects=_objects,
)
