"""Discovery over boto3: regions side by side, each call filtered and paged, what is not allowed noted and left out."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from adapters.aws.clients import Clients
from adapters.aws.discovery import read_eks, read_groups, read_instances
from adapters.aws.failures import DeniedError, GoneError
from adapters.aws.ports.access import Place, Role
from adapters.aws.ports.discovery import (
    Found,
    FoundCluster,
    FoundInstance,
    NodeGroup,
    Phase,
    Progress,
    ScalingGroup,
    Subnet,
)
from adapters.catalog.aws import fetch_zones
from adapters.clock import Clock
from domain.errors import RejectedError, TransientError
from domain.market import Zone

T = TypeVar("T")

STEPS = 4
"""Steps of one region: clusters, groups, instances, usage."""


class BotoDiscovery:
    """Looks into accounts through boto3."""

    def __init__(self, clients: Clients, clock: Clock) -> None:
        self._clients = clients
        self._clock = clock

    async def discover(
        self,
        role: Role,
        *,
        regions: Sequence[str],
        measured: Collection[str] = (),
        with_usage: bool = True,
        on_progress: Callable[[Progress], None] = lambda _: None,
    ) -> Found:
        """See what runs in an account."""
        meter = _Meter(role.account_id, total=STEPS * len(regions), tell=on_progress)
        meter.tell_now("", Phase.SIGN_IN)
        # Signing in once, before all regions ask for a session at the same time.
        await self._clients.read(Place(role=role, region=regions[0]), "sts", lambda sts: sts.get_caller_identity())
        looks = [_Look(self._clients, Place(role=role, region=region), meter, self._clock) for region in regions]
        wanted = _Wanted(measured=frozenset(measured), usage=with_usage)
        await asyncio.gather(*(look.run(wanted) for look in looks))
        blind = {look.region: look.blind for look in looks if look.blind}
        if len(blind) == len(looks):
            raise TransientError(f"no region of account {role.account_id} could be seen: {next(iter(blind.values()))}")
        meter.tell_now("", Phase.DONE)
        return Found(
            account_id=role.account_id,
            at=self._clock.now(),
            clusters=tuple(sorted((c for look in looks for c in look.clusters), key=lambda c: c.key)),
            zones={look.region: look.zones for look in looks if look.zones},
            blind=blind,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """Whose usage is asked of CloudWatch: of all clusters but the measured ones, or of none."""

    measured: frozenset[str]
    usage: bool


class _Meter:
    """Counts steps and finds of one account."""

    def __init__(self, account_id: str, *, total: int, tell: Callable[[Progress], None]) -> None:
        self._account_id = account_id
        self._total = total
        self._tell = tell
        self._done = 0
        self.clusters = 0
        self.instances = 0

    def step(self, region: str, phase: Phase, *, steps: int = 1) -> None:
        self._done += steps
        self.tell_now(region, phase)

    def tell_now(self, region: str, phase: Phase) -> None:
        self._tell(
            Progress(
                account_id=self._account_id,
                region=region,
                phase=phase,
                done=self._done,
                total=self._total,
                clusters=self.clusters,
                instances=self.instances,
            )
        )


class _Look:
    """One region of one account."""

    def __init__(self, clients: Clients, place: Place, meter: _Meter, clock: Clock) -> None:
        self._clients = clients
        self._place = place
        self._meter = meter
        self._clock = clock
        self._notes: list[str] = []
        self.clusters: tuple[FoundCluster, ...] = ()
        self.zones: tuple[Zone, ...] = ()
        self.blind = ""

    @property
    def region(self) -> str:
        return self._place.region

    async def run(self, wanted: _Wanted) -> None:
        """Look; what goes wrong makes this region blind, not the others."""
        try:
            names = await self._read("eks", read_eks.cluster_names)
            self._meter.clusters += len(names)
            self._meter.step(self.region, Phase.CLUSTERS)
            if names:
                await self._look_at(names, wanted)
            else:
                self._meter.step(self.region, Phase.USAGE, steps=STEPS - 1)
        except (TransientError, RejectedError) as err:
            self.blind = str(err)

    async def _look_at(self, names: Sequence[str], wanted: _Wanted) -> None:
        self.zones = await self._read("ec2", fetch_zones)
        zone_ids = {zone.name: zone.id for zone in self.zones}
        # Each cluster's own calls and those for all clusters together share the lane of this account and region.
        clusters, node_groups, groups, instances = await asyncio.gather(
            asyncio.gather(*(self._cluster(name) for name in names)),
            asyncio.gather(*(self._node_groups(name) for name in names)),
            self._groups(names, zone_ids),
            self._instances(names, zone_ids),
        )
        unmeasured = [cluster.name for cluster in clusters if wanted.usage and cluster.arn not in wanted.measured]
        cpu = await self._cpu({one.id for name in unmeasured for one in instances.get(name, ())})
        self._meter.step(self.region, Phase.USAGE)
        self.clusters = tuple(
            replace(
                cluster,
                node_groups=of_cluster,
                scaling_groups=groups.get(cluster.name, ()),
                instances=tuple(
                    replace(one, cpu_utilization=cpu.get(one.id)) for one in instances.get(cluster.name, ())
                ),
                notes=tuple(dict.fromkeys(self._notes)),
            )
            for cluster, of_cluster in zip(clusters, node_groups, strict=True)
        )

    async def _cluster(self, name: str) -> FoundCluster:
        return await self._read("eks", lambda eks: read_eks.cluster(eks, name, region=self.region))

    async def _node_groups(self, name: str) -> tuple[NodeGroup, ...]:
        return await self._if_allowed("eks", lambda eks: read_eks.node_groups(eks, name), ())

    async def _groups(self, names: Sequence[str], zone_ids: Mapping[str, str]) -> dict[str, tuple[ScalingGroup, ...]]:
        nothing: dict[str, list[read_groups.Raw]] = {}
        raw = await self._if_allowed("autoscaling", lambda client: read_groups.groups(client, names), nothing)
        items = [item for some in raw.values() for item in some]
        no_subnets: dict[str, Subnet] = {}
        versions, subnets = await asyncio.gather(
            self._versions(read_groups.template_ids(items)),
            self._if_allowed("ec2", lambda ec2: read_groups.subnets(ec2, items, zone_ids), no_subnets),
        )
        self._meter.step(self.region, Phase.GROUPS)
        return {
            name: tuple(read_groups.scaling_group(item, versions=versions, known_subnets=subnets) for item in some)
            for name, some in raw.items()
        }

    async def _versions(self, ids: Sequence[str]) -> dict[str, dict[str, str]]:
        nothing: dict[str, dict[str, str]] = {}
        try:
            return await self._if_allowed("ec2", lambda ec2: read_groups.template_versions(ec2, ids), nothing)
        except GoneError:
            # One that was deleted under its group fails the call for all: then each is asked for by itself.
            if len(ids) <= 1:
                return nothing
            found = await asyncio.gather(*(self._versions([one]) for one in ids))
            return {name: versions for some in found for name, versions in some.items()}

    async def _instances(
        self, names: Sequence[str], zone_ids: Mapping[str, str]
    ) -> Mapping[str, Sequence[FoundInstance]]:
        found = await self._read("ec2", lambda ec2: read_instances.instances_of(ec2, names, zone_ids))
        self._meter.instances += sum(map(len, found.values()))
        self._meter.step(self.region, Phase.INSTANCES)
        return await self._if_allowed("ec2", lambda ec2: read_instances.with_volumes(ec2, found, zone_ids), found)

    async def _cpu(self, ids: Collection[str]) -> dict[str, float]:
        if not ids:
            return {}
        now = self._clock.now()
        return await self._if_allowed("cloudwatch", lambda client: read_instances.cpu_of(client, ids, now), {})

    async def _read(self, service: str, work: Callable[[Any], T]) -> T:
        try:
            return await self._clients.read(self._place, service, work)
        except (KeyError, ValueError) as err:
            # Of another shape than AWS documents: this region cannot be told, the others can.
            raise RejectedError(f"an answer of {service} in {self._place} cannot be read: {err!r}") from err

    async def _if_allowed(self, service: str, work: Callable[[Any], T], otherwise: T) -> T:
        """What can be done without: a missing permission is noted, and the rest is seen all the same."""
        try:
            return await self._read(service, work)
        except DeniedError as err:
            self._notes.append(str(err))
            return otherwise
