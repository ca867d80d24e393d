"""CreateFleet: the request that an order becomes, and what its answer says of each pool."""

from collections.abc import Iterable, Mapping
from typing import Any

from adapters.aws import failures
from adapters.aws.ports.executor import Choice, LaunchOrder
from domain.market import CapacityType, Pool
from domain.saga import TAG_CLUSTER, TAG_STEP, LaunchFailure, PoolFailure


def request(order: LaunchOrder, capacity_type: CapacityType) -> dict[str, Any]:
    """Parameters of an instant fleet: one try, answered at once, nothing refilled later."""
    spot = capacity_type is CapacityType.SPOT
    tags = {**order.tags, TAG_CLUSTER: order.cluster_id, TAG_STEP: order.token}
    options: dict[str, Any] = (
        {"SpotOptions": {"AllocationStrategy": "price-capacity-optimized", "InstanceInterruptionBehavior": "terminate"}}
        if spot
        else {"OnDemandOptions": {"AllocationStrategy": "prioritized"}}
    )
    template = {"LaunchTemplateId": order.template.id, "Version": order.template.version}
    return {
        "Type": "instant",
        "ClientToken": order.token,
        "TargetCapacitySpecification": {
            "TotalTargetCapacity": order.count,
            "DefaultTargetCapacityType": str(capacity_type),
        },
        "LaunchTemplateConfigs": [
            {"LaunchTemplateSpecification": template, "Overrides": list(_overrides(order.choices, spot=spot))}
        ],
        "TagSpecifications": [
            {"ResourceType": "instance", "Tags": [{"Key": key, "Value": value} for key, value in sorted(tags.items())]}
        ],
        **options,
    }


def launched(answer: Mapping[str, Any], order: LaunchOrder) -> dict[str, Pool | None]:
    """Pools of the instances of an answer, by instance id; ``None`` where it does not tell."""
    pools = _Pools(order.choices)
    return {instance_id: pools.of(item) for item in answer.get("Instances", []) for instance_id in item["InstanceIds"]}


def failures_of(answer: Mapping[str, Any], order: LaunchOrder) -> tuple[PoolFailure, ...]:
    """What pools refused, each pool once. A refusal that names no pool of the order is left out: it blames nobody."""
    pools = _Pools(order.choices)
    found: dict[Pool, PoolFailure] = {}
    for item in answer.get("Errors", []):
        code, text = item.get("ErrorCode", ""), f"{item.get('ErrorCode', '')}: {item.get('ErrorMessage', '')}"
        if (pool := pools.of(item)) is not None:
            found.setdefault(pool, PoolFailure(pool=pool, failure=meaning_of(code), text=text))
    return tuple(found.values())


def meaning_of(code: str) -> LaunchFailure:
    """What an error code of EC2 means for the pool. Only a lack of capacity says something about it."""
    if code in failures.NO_CAPACITY:
        return LaunchFailure.CAPACITY
    if code in failures.QUOTA:
        return LaunchFailure.QUOTA
    passing = code in failures.THROTTLED or code in failures.PASSING
    return LaunchFailure.OTHER if passing else LaunchFailure.CONFIG


def _overrides(choices: Iterable[Choice], *, spot: bool) -> Iterable[dict[str, Any]]:
    for place, choice in enumerate(choices):
        override: dict[str, Any] = {"InstanceType": choice.pool.instance_type, "SubnetId": choice.subnet_id}
        # Spot pools are chosen by price and depth alone; on-demand ones in the order of the plan.
        yield override if spot else override | {"Priority": float(place)}


class _Pools:
    """Finds the pool that an item of an answer speaks of: by zone id, by subnet, or by a type that only one has."""

    def __init__(self, choices: Iterable[Choice]) -> None:
        self._pools = [choice.pool for choice in choices]
        self._by_subnet = {(choice.subnet_id, choice.pool.instance_type): choice.pool for choice in choices}

    def of(self, item: Mapping[str, Any]) -> Pool | None:
        asked = item.get("LaunchTemplateAndOverrides", {}).get("Overrides", {})
        name = item.get("InstanceType") or asked.get("InstanceType", "")
        subnet_id = item.get("SubnetId") or asked.get("SubnetId", "")
        zone_id = item.get("AvailabilityZoneId") or asked.get("AvailabilityZoneId", "")
        alike = [pool for pool in self._pools if pool.instance_type == name and zone_id in ("", pool.zone_id)]
        return self._by_subnet.get((subnet_id, name)) or (alike[0] if len(alike) == 1 else None)
