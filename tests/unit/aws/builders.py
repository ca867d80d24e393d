"""Builders of what AWS tests need."""

from collections.abc import Callable
from datetime import UTC, datetime

from adapters.aws.ports.access import Place, Role
from adapters.aws.ports.discovery import Found, FoundCluster, FoundInstance
from adapters.aws.ports.executor import Choice, ClusterRef, LaunchOrder, TemplateRef
from domain.market import CapacityType, Pool, Zone

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
REGION = "us-east-1"
ZONES = (Zone(id="use1-az1", name="us-east-1a"), Zone(id="use1-az2", name="us-east-1b"))
CLUSTER = ClusterRef(id="6f1b3f0e-6a0c-4e0f-9d57-0b7a6a1c5e22", name="shop")


def make_role(account_id: str = "111111111111", external_id: str = "spotopt-external-id") -> Role:
    return Role(arn=f"arn:aws:iam::{account_id}:role/spot-optimizer", external_id=external_id)


def make_place(account_id: str = "111111111111", region: str = REGION) -> Place:
    return Place(role=make_role(account_id), region=region)


def make_pool(name: str = "m6i.large", zone_id: str = "use1-az1") -> Pool:
    return Pool(region=REGION, zone_id=zone_id, instance_type=name)


def make_order(
    *pools: Pool,
    token: str = "launch-1",
    count: int = 1,
    template: str = "lt-0123456789abcdef0",
    subnet: Callable[[str], str] = lambda zone_id: f"subnet-{zone_id}",
) -> LaunchOrder:
    return LaunchOrder(
        token=token,
        cluster_id=CLUSTER.id,
        template=TemplateRef(id=template, version="1"),
        choices=tuple(Choice(pool=pool, subnet_id=subnet(pool.zone_id)) for pool in pools or (make_pool(),)),
        count=count,
        tags={"Name": "shop-node"},
    )


def make_instance(name: str = "i-00000000000000001", **facts: object) -> FoundInstance:
    given: dict[str, object] = {
        "id": name,
        "instance_type": "m6i.large",
        "zone": ZONES[0],
        "capacity_type": CapacityType.SPOT,
        "state": "running",
        "launched_at": NOW,
    }
    return FoundInstance(**(given | facts))  # type: ignore[arg-type]


def make_cluster(name: str = "shop", region: str = REGION, **facts: object) -> FoundCluster:
    given: dict[str, object] = {
        "name": name,
        "region": region,
        "arn": f"arn:aws:eks:{region}:111111111111:cluster/{name}",
        "status": "ACTIVE",
        "kubernetes_version": "1.33",
        "endpoint": "https://example.eks.amazonaws.com",
        "vpc_id": "vpc-1",
    }
    return FoundCluster(**(given | facts))  # type: ignore[arg-type]


def make_found(*clusters: FoundCluster, blind: dict[str, str] | None = None) -> Found:
    return Found(account_id="111111111111", at=NOW, clusters=clusters, zones={REGION: ZONES}, blind=blind or {})


class Allowing:
    """A permit that allows everything, and notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def allows(self, deed: str) -> bool:
        self.asked.append(deed)
        return True


class Refusing(Allowing):
    """A permit of a platform in safe mode."""

    async def allows(self, deed: str) -> bool:
        self.asked.append(deed)
        return False
