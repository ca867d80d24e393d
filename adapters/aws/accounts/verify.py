"""Trying each permission without changing anything: harmless reads, dry runs, and IAM's own simulator."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from adapters.aws.accounts.permissions import ACTING, SEEING, simulated_context, simulated_resource
from adapters.aws.clients import Clients
from adapters.aws.discovery.read_instances import cpu_of
from adapters.aws.failures import DeniedError, DryRunPassedError
from adapters.aws.ports.access import Place, Role
from adapters.aws.ports.accounts import Answer, Permission, Tried, Verification
from adapters.clock import Clock
from domain.errors import RejectedError

NOBODY = "spot-optimizer-probe"
"""Name of a cluster that should not exist: who may ask is told that it does not, who may not is refused."""

NO_INSTANCE = "i-00000000000000000"
ONE_PAGE = 5

Probe = Callable[[Any], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Try:
    """How one permission is tried."""

    service: str
    call: Probe


class BotoVerifier:
    """Signs in and tries each permission."""

    def __init__(self, clients: Clients, clock: Clock) -> None:
        self._clients = clients
        self._clock = clock

    async def verify(self, role: Role, *, regions: Sequence[str]) -> Verification:
        """Sign in and try each permission, in the first of the regions: IAM's rights hold everywhere."""
        place = Place(role=role, region=regions[0])
        self._clients.forget(role)
        try:
            await self._clients.read(place, "sts", lambda sts: sts.get_caller_identity())
        except RejectedError as err:
            return Verification(role=role, problem=str(err))
        reads = _reads(self._clock.now())
        trying = (self._try(place, one, reads[one.action]) for one in SEEING if one.action in reads)
        seen, changing, warnings = await asyncio.gather(
            asyncio.gather(*trying), self._try_changing(place), self._warnings(place)
        )
        return Verification(role=role, tried=(*seen, *changing), warnings=warnings)

    async def _warnings(self, place: Place) -> tuple[str, ...]:
        """Whether the role opens without its external id: then any other customer of ours could have us open it."""
        arn = place.role.arn
        try:
            await self._clients.read_own(
                place.region, "sts", lambda sts: sts.assume_role(RoleArn=arn, RoleSessionName=NOBODY)["AssumedRoleUser"]
            )
        except RejectedError:
            return ()
        return (f"{arn} lets us in without the external id: add the condition sts:ExternalId to its trust policy",)

    async def _try(self, place: Place, permission: Permission, probe: _Try) -> Tried:
        try:
            await self._clients.read(place, probe.service, probe.call)
        except DeniedError as err:
            return Tried(permission=permission, answer=Answer.MISSING, detail=err.text)
        except DryRunPassedError:
            return Tried(permission=permission, answer=Answer.GRANTED)
        except RejectedError as err:
            # AWS looks at rights before it looks at what was asked: any other answer means that we may ask.
            return Tried(permission=permission, answer=Answer.GRANTED, detail=str(err))
        return Tried(permission=permission, answer=Answer.GRANTED)

    async def _try_changing(self, place: Place) -> list[Tried]:
        """Rights to change things, by IAM's simulator; where it may not be asked they are tried by dry runs."""
        own = next(permission for permission in SEEING if permission.action == "iam:SimulatePrincipalPolicy")
        try:
            tried = await asyncio.gather(*(self._simulate(place, permission) for permission in ACTING))
        except DeniedError as err:
            dry = await asyncio.gather(*(self._try_dry(place, permission) for permission in ACTING))
            return [Tried(permission=own, answer=Answer.MISSING, detail=err.text), *dry]
        return [Tried(permission=own, answer=Answer.GRANTED), *tried]

    async def _simulate(self, place: Place, permission: Permission) -> Tried:
        decision = await self._clients.read(place, "iam", _simulation(place, permission.action))
        answer = Answer.GRANTED if decision == "allowed" else Answer.MISSING
        return Tried(permission=permission, answer=answer, detail=decision)

    async def _try_dry(self, place: Place, permission: Permission) -> Tried:
        probe = _DRY_RUNS.get(permission.action)
        if probe is None:
            return Tried(permission=permission, answer=Answer.UNKNOWN, detail="cannot be tried without a change")
        try:
            await self._clients.try_out(place, probe.service, probe.call)
        except DryRunPassedError:
            return Tried(permission=permission, answer=Answer.GRANTED)
        except DeniedError as err:
            return Tried(permission=permission, answer=Answer.MISSING, detail=err.text)
        except RejectedError as err:
            return Tried(permission=permission, answer=Answer.UNKNOWN, detail=str(err))
        return Tried(permission=permission, answer=Answer.UNKNOWN)


def _simulation(place: Place, action: str) -> Probe:
    """Asks whether an action is allowed on a resource and under conditions as we would meet them."""
    account_id = place.role.account_id
    arn = simulated_resource(action, region=place.region, account_id=account_id)
    context = [
        {"ContextKeyName": key, "ContextKeyValues": [value], "ContextKeyType": "string"}
        for key, value in simulated_context(region=place.region, account_id=account_id).items()
    ]

    def simulate(iam: Any) -> str:
        answer = iam.simulate_principal_policy(
            PolicySourceArn=place.role.arn, ActionNames=[action], ResourceArns=[arn], ContextEntries=context
        )
        return str(answer["EvaluationResults"][0]["EvalDecision"])

    return simulate


def _reads(now: datetime) -> dict[str, _Try]:
    """A read for each right to look; it asks for as little as the call allows."""
    return {
        "autoscaling:DescribeAutoScalingGroups": _Try(
            service="autoscaling", call=lambda c: c.describe_auto_scaling_groups(MaxRecords=1)
        ),
        "autoscaling:DescribeAutoScalingInstances": _Try(
            service="autoscaling", call=lambda c: c.describe_auto_scaling_instances(InstanceIds=[NO_INSTANCE])
        ),
        "cloudwatch:GetMetricData": _Try(
            service="cloudwatch", call=lambda c: cpu_of(c, [NO_INSTANCE], now - timedelta(minutes=1))
        ),
        "ec2:DescribeAvailabilityZones": _Try(service="ec2", call=lambda c: c.describe_availability_zones(DryRun=True)),
        "ec2:DescribeInstances": _Try(
            service="ec2", call=lambda c: c.describe_instances(MaxResults=ONE_PAGE, DryRun=True)
        ),
        "ec2:DescribeLaunchTemplates": _Try(
            service="ec2", call=lambda c: c.describe_launch_templates(MaxResults=ONE_PAGE, DryRun=True)
        ),
        "ec2:DescribeSubnets": _Try(service="ec2", call=lambda c: c.describe_subnets(MaxResults=ONE_PAGE, DryRun=True)),
        "ec2:DescribeVolumes": _Try(service="ec2", call=lambda c: c.describe_volumes(MaxResults=ONE_PAGE, DryRun=True)),
        "eks:DescribeCluster": _Try(service="eks", call=lambda c: c.describe_cluster(name=NOBODY)),
        "eks:DescribeNodegroup": _Try(
            service="eks", call=lambda c: c.describe_nodegroup(clusterName=NOBODY, nodegroupName=NOBODY)
        ),
        "eks:ListClusters": _Try(service="eks", call=lambda c: c.list_clusters(maxResults=1)),
        "eks:ListNodegroups": _Try(service="eks", call=lambda c: c.list_nodegroups(clusterName=NOBODY, maxResults=1)),
    }


_TEMPLATE = {"LaunchTemplateId": "lt-00000000000000000", "Version": "1"}
_DRY_RUNS: Mapping[str, _Try] = {
    "ec2:CreateFleet": _Try(
        service="ec2",
        call=lambda c: c.create_fleet(
            DryRun=True,
            Type="instant",
            TargetCapacitySpecification={"TotalTargetCapacity": 1},
            LaunchTemplateConfigs=[{"LaunchTemplateSpecification": _TEMPLATE}],
        ),
    ),
    "ec2:TerminateInstances": _Try(
        service="ec2", call=lambda c: c.terminate_instances(InstanceIds=[NO_INSTANCE], DryRun=True)
    ),
    "ec2:DetachVolume": _Try(
        service="ec2", call=lambda c: c.detach_volume(VolumeId="vol-00000000000000000", DryRun=True)
    ),
}
"""For where the simulator may not be asked. EC2 may refuse what does not exist as such: then nobody knows."""
