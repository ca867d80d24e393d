"""Accounts full of clusters, answered without moto: it would take minutes to start as many instances one by one."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from demo.aws.requests import Answer, Asked

INSTANCES_PAGE, VOLUMES_PAGE, GROUPS_PAGE = 1000, 500, 100
AT = "2026-11-01T10:00:00.000Z"
EC2, AUTO_SCALING = "http://ec2.amazonaws.com/doc/2016-11-15/", "http://autoscaling.amazonaws.com/doc/2011-01-01/"
TYPES = ("m6i.large", "m6i.xlarge", "c6i.xlarge", "r6i.large")
_BASE = 0.25
"""CPU of every instance, a share."""


@dataclass(frozen=True)
class Prefilled:
    """Answers what discovery asks.

    Parameters
    ----------
    regions
        Where the clusters are, in turn; others have none.
    clusters, nodes
        Clusters of each account, nodes of each cluster.
    """

    regions: tuple[str, ...]
    clusters: int
    nodes: int

    def __call__(self, asked: Asked, account: str) -> Answer | None:
        """An answer, or none where moto has one."""
        names = self.names(asked.region)
        match asked.operation:
            case "ListClusters":
                return _json({"clusters": names})
            case "DescribeCluster":
                return _json({"cluster": _cluster(asked.path.split("/")[2], asked.region, account)})
            case "ListNodegroups":
                return _json({"nodegroups": ["workers"]})
            case "DescribeNodegroup":
                return _json({"nodegroup": _node_group(asked.path.split("/")[2], self.nodes)})
            case "DescribeAutoScalingGroups":
                return _xml(_groups(tuple(names), self.nodes, zone=asked.region), "DescribeAutoScalingGroups")
            case "DescribeLaunchTemplates":
                return _ec2("".join(map(_launch_template, names)), "DescribeLaunchTemplates", "launchTemplates")
            case "DescribeSubnets":
                return _ec2("".join(_subnet(asked.region, place) for place in "ab"), "DescribeSubnets", "subnetSet")
            case "DescribeInstances":
                return self._instances(asked, account)
            case "DescribeVolumes":
                return self._volumes(asked, account)
            case "GetMetricData":
                return _metrics(asked.body.count(b"CPUUtilization"))
        return None

    def names(self, region: str) -> list[str]:
        """Names of the clusters of a region."""
        if region not in self.regions:
            return []
        place = self.regions.index(region)
        return [f"shop-{number}" for number in range(self.clusters) if number % len(self.regions) == place]

    def _instances(self, asked: Asked, account: str) -> Answer:
        start = int(asked.form.get("NextToken") or 0)
        items = _all_instances(tuple(self.names(asked.region)), self.nodes, asked.region, account)
        page, token = _page(items, start, INSTANCES_PAGE)
        return _ec2("".join(page), "DescribeInstances", "reservationSet", token=token)

    def _volumes(self, asked: Asked, account: str) -> Answer:
        wanted = {value for key, value in asked.form.items() if key.startswith("Filter.1.Value.")}
        start = int(asked.form.get("NextToken") or 0)
        names = tuple(self.names(asked.region))
        items = [_volume(one, asked.region) for one in _ids(names, self.nodes, asked.region, account) if one in wanted]
        page, token = _page(items, start, VOLUMES_PAGE)
        return _ec2("".join(page), "DescribeVolumes", "volumeSet", token=token)


def _page(items: Sequence[str], start: int, size: int) -> tuple[Sequence[str], str]:
    end = start + size
    return items[start:end], str(end) if end < len(items) else ""


def _ids(names: Sequence[str], nodes: int, region: str, account: str) -> Iterator[str]:
    place = sum(map(ord, region)) & 0xFFF
    for number, _ in enumerate(names):
        for node in range(nodes):
            yield f"i-{int(account) % 10**6:06x}{place:03x}{number:04x}{node:04x}"


@lru_cache(maxsize=256)
def _all_instances(names: tuple[str, ...], nodes: int, region: str, account: str) -> tuple[str, ...]:
    ids = list(_ids(names, nodes, region, account))
    return tuple(_instance(name, names[place // nodes], region, number=place) for place, name in enumerate(ids))


def _instance(name: str, cluster: str, region: str, *, number: int) -> str:
    tags = {
        f"kubernetes.io/cluster/{cluster}": "owned",
        "eks:cluster-name": cluster,
        "eks:nodegroup-name": "workers",
        "aws:autoscaling:groupName": f"{cluster}-workers",
        "aws:ec2launchtemplate:id": _template_id(cluster),
        "Name": f"{cluster}-workers-node",
    }
    tagged = "".join(f"<item><key>{key}</key><value>{value}</value></item>" for key, value in tags.items())
    lifecycle = "<instanceLifecycle>spot</instanceLifecycle>" if number % 2 else ""
    volumes = "".join(
        f"<item><deviceName>{device}</deviceName><ebs><volumeId>{_volume_id(name, kind)}</volumeId>"
        f"<status>attached</status><attachTime>{AT}</attachTime><deleteOnTermination>true</deleteOnTermination></ebs></item>"
        for device, kind in (("/dev/xvda", "r"), ("/dev/xvdba", "d"))
    )
    return (
        f"<item><reservationId>r-{name[2:]}</reservationId><ownerId>111111111111</ownerId><groupSet/><instancesSet><item>"
        f"<instanceId>{name}</instanceId><imageId>ami-1</imageId><instanceState><code>16</code><name>running</name>"
        f"</instanceState><privateDnsName>ip-{name[2:]}.ec2.internal</privateDnsName>"
        f"<instanceType>{TYPES[number % len(TYPES)]}</instanceType><launchTime>{AT}</launchTime>"
        f"<placement><availabilityZone>{region}{'ab'[number % 2]}</availabilityZone></placement>"
        f"<monitoring><state>disabled</state></monitoring><subnetId>subnet-{region}{'ab'[number % 2]}</subnetId>"
        f"<vpcId>vpc-1</vpcId><privateIpAddress>10.0.0.1</privateIpAddress><sourceDestCheck>true</sourceDestCheck>"
        f"<groupSet><item><groupId>sg-1</groupId><groupName>nodes</groupName></item></groupSet>"
        f"<architecture>x86_64</architecture><rootDeviceType>ebs</rootDeviceType>"
        f"<rootDeviceName>/dev/xvda</rootDeviceName><blockDeviceMapping>{volumes}</blockDeviceMapping>{lifecycle}"
        f"<tagSet>{tagged}</tagSet><hypervisor>xen</hypervisor></item></instancesSet></item>"
    )


def _volume(instance_id: str, region: str) -> str:
    return "".join(
        f"<item><volumeId>{_volume_id(instance_id, kind)}</volumeId><size>{size}</size><snapshotId/>"
        f"<availabilityZone>{region}a</availabilityZone><status>in-use</status><createTime>{AT}</createTime>"
        f"<attachmentSet><item><volumeId>{_volume_id(instance_id, kind)}</volumeId>"
        f"<instanceId>{instance_id}</instanceId><device>{device}</device><status>attached</status>"
        f"<attachTime>{AT}</attachTime><deleteOnTermination>true</deleteOnTermination></item></attachmentSet>"
        f"<volumeType>gp3</volumeType><encrypted>true</encrypted></item>"
        for kind, device, size in (("r", "/dev/xvda", 50), ("d", "/dev/xvdba", 20))
    )


def _volume_id(instance_id: str, kind: str) -> str:
    return f"vol-{instance_id[2:]}{kind}"


def _template_id(cluster: str) -> str:
    return f"lt-{int(cluster.rpartition('-')[2]):017x}"


def _launch_template(cluster: str) -> str:
    return (
        f"<item><launchTemplateId>{_template_id(cluster)}</launchTemplateId>"
        f"<launchTemplateName>{cluster}</launchTemplateName><createTime>{AT}</createTime>"
        "<defaultVersionNumber>1</defaultVersionNumber><latestVersionNumber>3</latestVersionNumber></item>"
    )


def _subnet(region: str, place: str) -> str:
    return (
        f"<item><subnetId>subnet-{region}{place}</subnetId><state>available</state><vpcId>vpc-1</vpcId>"
        f"<availabilityZone>{region}{place}</availabilityZone></item>"
    )


def _groups(names: tuple[str, ...], nodes: int, *, zone: str) -> str:
    members = "".join(
        f"<member><InstanceId>i-{number:017x}</InstanceId><LifecycleState>InService</LifecycleState>"
        "<HealthStatus>Healthy</HealthStatus><AvailabilityZone>x</AvailabilityZone>"
        "<ProtectedFromScaleIn>false</ProtectedFromScaleIn></member>"
        for number in range(nodes)
    )
    return "".join(
        f"<member><AutoScalingGroupName>{name}-workers</AutoScalingGroupName><MinSize>0</MinSize>"
        f"<MaxSize>{2 * nodes}</MaxSize><DesiredCapacity>{nodes}</DesiredCapacity>"
        f"<VPCZoneIdentifier>subnet-{zone}a,subnet-{zone}b</VPCZoneIdentifier><Instances>{members}</Instances>"
        f"<LaunchTemplate><LaunchTemplateId>{_template_id(name)}</LaunchTemplateId><Version>$Latest</Version>"
        f"</LaunchTemplate><Tags><member><Key>kubernetes.io/cluster/{name}</Key><Value>owned</Value></member></Tags>"
        "</member>"
        for name in names
    )


def _cluster(name: str, region: str, account: str) -> dict[str, object]:
    return {
        "name": name,
        "arn": f"arn:aws:eks:{region}:{account}:cluster/{name}",
        "status": "ACTIVE",
        "version": "1.33",
        "endpoint": f"https://{name}.example",
        "resourcesVpcConfig": {"vpcId": "vpc-1"},
        "createdAt": 1_700_000_000.0,
    }


def _node_group(cluster: str, nodes: int) -> dict[str, object]:
    return {
        "nodegroupName": "workers",
        "clusterName": cluster,
        "status": "ACTIVE",
        "capacityType": "SPOT",
        "scalingConfig": {"minSize": 0, "maxSize": 2 * nodes, "desiredSize": nodes},
        "instanceTypes": list(TYPES),
        "resources": {"autoScalingGroups": [{"name": f"{cluster}-workers"}]},
        "labels": {"team": "shop"},
    }


def _json(content: dict[str, object]) -> Answer:
    return 200, [("Content-Type", "application/json")], json.dumps(content).encode()


def _ec2(items: str, operation: str, name: str, *, token: str = "") -> Answer:
    content = f"<{name}>{items}</{name}><nextToken>{token}</nextToken>"
    text = f'<{operation}Response xmlns="{EC2}">{content}</{operation}Response>'
    return 200, [("Content-Type", "text/xml")], text.encode()


def _xml(items: str, operation: str) -> Answer:
    result = f"<{operation}Result><AutoScalingGroups>{items}</AutoScalingGroups></{operation}Result>"
    text = f'<{operation}Response xmlns="{AUTO_SCALING}">{result}</{operation}Response>'
    return 200, [("Content-Type", "text/xml")], text.encode()


def _metrics(count: int) -> Answer:
    """One value for each metric that was asked for."""
    one = {"StatusCode": "Complete", "Timestamps": [1_700_000_000.0], "Values": [_BASE * 100]}
    return _json({"MetricDataResults": [{"Id": f"m{number}", **one} for number in range(count)]})
