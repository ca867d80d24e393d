"""The simulated AWS as the demo needs it: accounts filled with clusters, and what becomes of their instances."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import cycle
from typing import Any

from moto.backends import get_backend

from adapters.aws.tags import CLUSTER_NAMES, NODE_GROUP_NAMES, OWNED
from adapters.catalog.load import describe_type
from demo.aws.fill import IMAGE, Customer
from demo.clusters.character import Character, Group
from domain.market import CapacityType, InstanceType, Pool, Zone

SPARE = 30
"""How far a group may grow beyond what it begins with."""

TAKEN = ("Server.SpotInstanceTermination: Spot instance termination", "Server.SpotInstanceTermination")

_CLUSTER_TAG, _GROUP_TAG = CLUSTER_NAMES[2], NODE_GROUP_NAMES[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """An instance as EC2 has it now."""

    id: str
    name: str
    type: str
    pool: Pool
    zone: Zone
    capacity_type: CapacityType
    cluster: str
    group: str
    is_running: bool


def fill(owner: Customer, character: Character) -> None:
    """Put a cluster into an account as its owner would have: EKS, launch templates, groups, instances. Blocks."""
    subnets = _subnets(owner, character)
    owner.client("eks", character.region).create_cluster(
        name=character.name,
        roleArn=f"arn:aws:iam::{owner.account_id}:role/eks",
        resourcesVpcConfig={"subnetIds": list(subnets)},
        version="1.33",
    )
    for group in character.groups:
        _add_group(owner, character, group, subnets=subnets)


def instances(account_id: str, region: str) -> Iterator[Instance]:
    """Instances of clusters in an account and region, ended ones too, straight from moto's memory."""
    backend = get_backend("ec2")[account_id][region]
    zone_ids = _zone_ids(account_id, region)
    for reservation in list(backend.reservations.values()):
        for found in list(reservation.instances):
            tags = {tag["key"]: tag["value"] for tag in found.get_tags()}
            if cluster := tags.get(_CLUSTER_TAG):
                zone = Zone(id=zone_ids[str(found.placement.zone)], name=str(found.placement.zone))
                yield Instance(
                    id=found.id,
                    name=found.private_dns_name,
                    type=found.instance_type,
                    pool=Pool(region=region, zone_id=zone.id, instance_type=found.instance_type),
                    zone=zone,
                    capacity_type=CapacityType.SPOT if found.lifecycle == "spot" else CapacityType.ON_DEMAND,
                    cluster=cluster,
                    group=tags.get(_GROUP_TAG, ""),
                    is_running=found.state == "running",
                )


def take(account_id: str, instance: Instance) -> None:
    """AWS takes an instance. Its group, if it has one, wants one less: what replaces it is the platform's to say."""
    region = instance.pool.region
    groups = get_backend("autoscaling")[account_id][region]
    members = (member.instance.id for group in groups.autoscaling_groups.values() for member in group.instance_states)
    if instance.id in set(members):
        groups.terminate_instance(instance.id, True)
    else:
        get_backend("ec2")[account_id][region].terminate_instances([instance.id])
    ended = get_backend("ec2")[account_id][region].get_instance(instance.id)
    ended.state_reason.message, ended.state_reason.code = TAKEN


def grow(account_id: str, region: str, group: str) -> None:
    """A cluster's own autoscaler has its group start one more, an on-demand instance of the group's own type."""
    groups = get_backend("autoscaling")[account_id][region]
    groups.set_desired_capacity(group, (groups.autoscaling_groups[group].desired_capacity or 0) + 1)


@cache
def type_of(name: str) -> InstanceType:
    """An instance type with what is allocatable on EKS, from the carried catalogue."""
    return describe_type(name)


@cache
def _zone_ids(account_id: str, region: str) -> dict[str, str]:
    """Zone ids by the account's zone names."""
    subnets = get_backend("ec2")[account_id][region].describe_subnets()
    return {subnet.availability_zone: subnet.availability_zone_id for subnet in subnets}


def _subnets(owner: Customer, character: Character) -> tuple[str, ...]:
    """The account's own subnets in the zones of a cluster."""
    found = owner.client("ec2", character.region).describe_subnets()["Subnets"]
    by_zone = {subnet["AvailabilityZone"]: str(subnet["SubnetId"]) for subnet in found}
    return tuple(by_zone[f"{character.region}{letter}"] for letter in character.zones)


def _add_group(owner: Customer, character: Character, group: Group, *, subnets: tuple[str, ...]) -> None:
    """Instances are started one type after another and then attached, which moto keeps as it is."""
    tags = _tags(character, group)
    template = _add_template(owner, character, group)
    size = sum(group.nodes.values())
    autoscaling = owner.client("autoscaling", character.region)
    autoscaling.create_auto_scaling_group(
        AutoScalingGroupName=group.name,
        MinSize=0,
        MaxSize=size + SPARE,
        DesiredCapacity=0,
        LaunchTemplate={"LaunchTemplateId": template, "Version": "$Latest"},
        VPCZoneIdentifier=",".join(subnets),
        Tags=[{**tag, "PropagateAtLaunch": True} for tag in tags],
    )
    ec2, places = owner.client("ec2", character.region), cycle(subnets)
    spot: dict[str, Any] = {"InstanceMarketOptions": {"MarketType": "spot"}}
    started: list[str] = []
    for instance_type, count in group.nodes.items():
        for _ in range(count):
            answer = ec2.run_instances(
                MinCount=1,
                MaxCount=1,
                LaunchTemplate={"LaunchTemplateId": template},
                InstanceType=instance_type,
                SubnetId=next(places),
                **(spot if group.capacity_type is CapacityType.SPOT else {}),
            )
            started += [one["InstanceId"] for one in answer["Instances"]]
    autoscaling.attach_instances(AutoScalingGroupName=group.name, InstanceIds=started)


def _add_template(owner: Customer, character: Character, group: Group) -> str:
    data = {
        "ImageId": IMAGE,
        "InstanceType": next(iter(group.nodes)),
        "TagSpecifications": [{"ResourceType": "instance", "Tags": _tags(character, group)}],
    }
    made = owner.client("ec2", character.region).create_launch_template(
        LaunchTemplateName=group.name, LaunchTemplateData=data
    )
    return str(made["LaunchTemplate"]["LaunchTemplateId"])


def _tags(character: Character, group: Group) -> list[dict[str, str]]:
    """As eksctl sets them."""
    tags = {OWNED + character.name: "owned", _CLUSTER_TAG: character.name, _GROUP_TAG: group.name, "Name": group.name}
    return [{"Key": key, "Value": value} for key, value in tags.items()]
