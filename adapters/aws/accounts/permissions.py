"""Every right that we ask for, and why: the template grants exactly these, and verifying tries each."""

from adapters.aws.ports.accounts import Need, Permission


def _see(action: str, why: str) -> Permission:
    return Permission(action=action, need=Need.SEE, why=why)


def _act(action: str, why: str) -> Permission:
    return Permission(action=action, need=Need.ACT, why=why)


SEEING = (
    _see("autoscaling:DescribeAutoScalingGroups", "which groups the nodes belong to, and their limits"),
    _see("autoscaling:DescribeAutoScalingInstances", "whether a node leaves its group already"),
    _see("cloudwatch:GetMetricData", "how busy nodes are where no agent measures it"),
    _see("ec2:DescribeAvailabilityZones", "which zone ids stand behind the account's zone names"),
    _see("ec2:DescribeInstances", "which nodes run"),
    _see("ec2:DescribeLaunchTemplates", "from which template new nodes are launched"),
    _see("ec2:DescribeSubnets", "in which zones new nodes may be launched"),
    _see("ec2:DescribeVolumes", "which volumes hang on which node"),
    _see("eks:DescribeCluster", "version and endpoint of clusters"),
    _see("eks:DescribeNodegroup", "how node groups are made up"),
    _see("eks:ListClusters", "which clusters there are"),
    _see("eks:ListNodegroups", "which node groups there are"),
    _see("iam:SimulatePrincipalPolicy", "whether this role has the rights that cannot be tried (of itself only)"),
)
"""Rights to look."""

ACTING = (
    _act("autoscaling:TerminateInstanceInAutoScalingGroup", "to end a node that its group would replace"),
    _act("autoscaling:UpdateAutoScalingGroup", "to shrink a group, and to let clusters sleep"),
    _act("ec2:CreateFleet", "to launch Spot nodes from several pools at once"),
    _act("ec2:CreateTags", "to mark what we have launched (at launch only)"),
    _act("ec2:DetachVolume", "to free a volume for the node that its pod moves to"),
    _act("ec2:RunInstances", "what CreateFleet needs to launch from a node group's own template"),
    _act("ec2:TerminateInstances", "to end nodes of clusters, and no other instances"),
    _act("iam:CreateServiceLinkedRole", "the first Spot request of an account needs Spot's own role"),
    _act("iam:PassRole", "nodes run with the node role of their group"),
)
"""Rights to change, all left out by the template when it is asked for advice only."""

ALL = SEEING + ACTING

_MET = (
    ("aws:ResourceTag/ebs.csi.aws.com/cluster", "true"),
    ("aws:ResourceTag/eks:cluster-name", "any"),
    ("aws:ResourceTag/spotopt:cluster", "any"),
    ("ec2:CreateAction", "CreateFleet"),
    ("ec2:LaunchTemplate", "arn:aws:ec2:{region}:{account}:launch-template/any"),
    ("iam:AWSServiceName", "spot.amazonaws.com"),
    ("iam:PassedToService", "ec2.amazonaws.com"),
)
"""Conditions under which we act."""

_RESOURCES = {
    "autoscaling:TerminateInstanceInAutoScalingGroup": "autoscaling:{region}:{account}:autoScalingGroup:any:"
    "autoScalingGroupName/any",
    "autoscaling:UpdateAutoScalingGroup": "autoscaling:{region}:{account}:autoScalingGroup:any:"
    "autoScalingGroupName/any",
    "ec2:CreateFleet": "ec2:{region}:{account}:fleet/any",
    "ec2:CreateTags": "ec2:{region}:{account}:instance/any",
    "ec2:DetachVolume": "ec2:{region}:{account}:volume/any",
    "ec2:RunInstances": "ec2:{region}:{account}:instance/any",
    "ec2:TerminateInstances": "ec2:{region}:{account}:instance/any",
    "iam:CreateServiceLinkedRole": "iam::{account}:role/aws-service-role/spot.amazonaws.com/AWSServiceRoleForEC2Spot",
    "iam:PassRole": "iam::{account}:role/any",
}


def simulated_resource(action: str, *, region: str, account_id: str) -> str:
    """ARN of something that an action would be about, for IAM's simulator."""
    return "arn:aws:" + _RESOURCES[action].format(region=region, account=account_id)


def simulated_context(*, region: str, account_id: str) -> dict[str, str]:
    """Values of the keys that conditions look at, as they are when we act, for IAM's simulator."""
    return {key: value.format(region=region, account=account_id) for key, value in _MET}
