"""A web shop: replicated services under budgets, spread over zones, on dear on-demand nodes and a few Spot ones."""

from actors.cluster.records import Mode
from demo.clusters.character import Character, Group
from demo.clusters.workloads import budget, deployment, namespace, pod, stateful_set, system
from demo.kubernetes.store import Object
from domain.market import CapacityType

_SHOP, _DATA = "shop", "data"

_SERVICES = {
    "storefront": (12, 500, 768),
    "catalogue": (8, 400, 640),
    "search": (6, 800, 1_536),
    "basket": (6, 250, 384),
    "checkout": (6, 300, 512),
    "recommendations": (4, 700, 2_048),
    "images": (5, 600, 512),
    "mail": (2, 100, 192),
}
"""Replicas, CPU and memory."""


def _objects() -> tuple[Object, ...]:
    services = (
        part
        for name, (replicas, cpu, memory) in _SERVICES.items()
        for part in (
            deployment(_SHOP, name, replicas, pod(name, cpu=cpu, memory=memory, grace_s=20, spread_zones=2)),
            budget(_SHOP, name, maxUnavailable="25%"),
        )
    )
    return (
        *system(),
        *map(namespace, (_SHOP, _DATA)),
        *services,
        stateful_set(_DATA, "orders-db", 3, pod("orders-db", cpu=900, memory=3_072, apart=True), disk_gib=50),
        budget(_DATA, "orders-db", maxUnavailable=1),
        stateful_set(_DATA, "sessions", 3, pod("sessions", cpu=200, memory=1_024), disk_gib=10),
        budget(_DATA, "sessions", maxUnavailable=1),
    )


WEB_SHOP = Character(
    name="web-shop",
    story="services under budgets, spread over zones; on-demand nodes, a few Spot ones",
    region="us-east-1",
    mode=Mode.AUTOMATIC,
    groups=(
        Group(name="web-shop-base", capacity_type=CapacityType.ON_DEMAND, nodes={"m5.2xlarge": 4, "m5.xlarge": 3}),
        Group(name="web-shop-spot", capacity_type=CapacityType.SPOT, nodes={"m5.xlarge": 2, "c5.2xlarge": 2}),
    ),
    objects=_objects,
)
