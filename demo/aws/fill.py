"""Puts EKS clusters with nodes into a world, through boto3 as a customer would."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3

IMAGE = "ami-12c6146b"
"""One that moto brings along."""


SESSION: Any = boto3.Session()
"""One for all: a session reads the descriptions of the services once, and they are large."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """Somebody who is signed in to an account."""

    url: str
    account_id: str
    credentials: dict[str, str]
    _clients: dict[tuple[str, str], Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def client(self, service: str, region: str) -> Any:
        """A client of theirs; each is made once, since that takes longer than what it is asked."""
        if (service, region) not in self._clients:
            self._clients[service, region] = SESSION.client(
                service, region_name=region, endpoint_url=self.url, **self.credentials
            )
        return self._clients[service, region]


def customer(url: str, account_id: str) -> Customer:
    """Somebody signed in to an account of the world at this address."""
    own = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    sts = SESSION.client("sts", region_name="us-east-1", endpoint_url=url, **own)
    arn = f"arn:aws:iam::{account_id}:role/owner"
    given = sts.assume_role(RoleArn=arn, RoleSessionName="owner", ExternalId="owner")["Credentials"]
    credentials = {
        "aws_access_key_id": given["AccessKeyId"],
        "aws_secret_access_key": given["SecretAccessKey"],
        "aws_session_token": given["SessionToken"],
    }
    return Customer(url=url, account_id=account_id, credentials=credentials)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """A cluster in a world."""

    name: str
    region: str
    template_id: str
    group: str
    members: tuple[str, ...]


def subnets(owner: Customer, region: str) -> dict[str, str]:
    """Subnet ids of the default VPC by zone id."""
    found = owner.client("ec2", region).describe_subnets()["Subnets"]
    return {subnet["AvailabilityZoneId"]: subnet["SubnetId"] for subnet in found}


def add_template(owner: Customer, region: str, name: str) -> str:
    """A launch template; its id."""
    data = {"ImageId": IMAGE, "InstanceType": "m6i.large"}
    made = owner.client("ec2", region).create_launch_template(LaunchTemplateName=name, LaunchTemplateData=data)
    return str(made["LaunchTemplate"]["LaunchTemplateId"])


def add_group(
    owner: Customer, region: str, cluster: str, *, name: str, template_id: str, size: tuple[int, int, int]
) -> tuple[str, ...]:
    """A group of a cluster with as many members as it wants (min, max, desired); their ids."""
    tags = {f"kubernetes.io/cluster/{cluster}": "owned", "eks:cluster-name": cluster, "eks:nodegroup-name": name}
    autoscaling = owner.client("autoscaling", region)
    autoscaling.create_auto_scaling_group(
        AutoScalingGroupName=name,
        MinSize=size[0],
        MaxSize=size[1],
        DesiredCapacity=size[2],
        LaunchTemplate={"LaunchTemplateId": template_id, "Version": "$Latest"},
        VPCZoneIdentifier=",".join(list(subnets(owner, region).values())[:2]),
        Tags=[{"Key": key, "Value": value, "PropagateAtLaunch": True} for key, value in tags.items()],
    )
    (group,) = autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
    return tuple(member["InstanceId"] for member in group["Instances"])


def add_cluster(owner: Customer, region: str, name: str, *, nodes: int) -> Filled:
    """An EKS cluster with one managed node group."""
    zones = list(subnets(owner, region).values())[:2]
    eks, role = owner.client("eks", region), f"arn:aws:iam::{owner.account_id}:role/eks"
    eks.create_cluster(name=name, roleArn=role, resourcesVpcConfig={"subnetIds": zones}, version="1.33")
    group = f"{name}-workers"
    template_id = add_template(owner, region, f"{name}-template")
    eks.create_nodegroup(
        clusterName=name,
        nodegroupName=group,
        subnets=zones,
        nodeRole=f"arn:aws:iam::{owner.account_id}:role/node",
        scalingConfig={"minSize": 0, "maxSize": nodes + 2, "desiredSize": nodes},
        instanceTypes=["m6i.large"],
        capacityType="ON_DEMAND",
        labels={"team": "shop"},
    )
    members = add_group(owner, region, name, name=group, template_id=template_id, size=(0, nodes + 2, nodes))
    return Filled(name=name, region=region, template_id=template_id, group=group, members=members)


def add_cpu(owner: Customer, region: str, instance_ids: Sequence[str], percent: float) -> None:
    """Minutes of CPU usage in CloudWatch."""
    at = datetime.now(UTC) - timedelta(minutes=5)
    points = [
        {
            "MetricName": "CPUUtilization",
            "Dimensions": [{"Name": "InstanceId", "Value": name}],
            "Value": percent,
            "Unit": "Percent",
            "Timestamp": at,
        }
        for name in instance_ids
    ]
    owner.client("cloudwatch", region).put_metric_data(Namespace="AWS/EC2", MetricData=points)


def add_volume(owner: Customer, region: str, instance_id: str) -> str:
    """A data volume on an instance; its id."""
    ec2 = owner.client("ec2", region)
    (reservation,) = ec2.describe_instances(InstanceIds=[instance_id])["Reservations"]
    zone = reservation["Instances"][0]["Placement"]["AvailabilityZone"]
    volume = str(ec2.create_volume(AvailabilityZone=zone, Size=20, VolumeType="gp3")["VolumeId"])
    ec2.attach_volume(VolumeId=volume, InstanceId=instance_id, Device="/dev/sdf")
    return volume
