"""Discovery of accounts that are told beforehand."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from adapters.aws.failures import DeniedError
from adapters.aws.ports.access import Role
from adapters.aws.ports.discovery import Found, FoundCluster, Phase, Progress
from adapters.clock import Clock
from domain.errors import TransientError
from domain.market import Zone


class MemoryDiscovery:
    """Finds what it was given.

    Parameters
    ----------
    clusters
        Clusters by account id; other accounts do not let us in.
    zones
        Zones by region.
    blind
        Regions that cannot be seen, and why.
    """

    def __init__(
        self,
        clock: Clock,
        clusters: Mapping[str, Sequence[FoundCluster]],
        *,
        zones: Mapping[str, tuple[Zone, ...]] | None = None,
        blind: Mapping[str, str] | None = None,
    ) -> None:
        self._clock = clock
        self.clusters = dict(clusters)
        self.zones = dict(zones or {})
        self.blind = dict(blind or {})

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
        if role.account_id not in self.clusters:
            raise DeniedError("sts:AssumeRole", f"{role.arn} does not let us in")
        seen = [region for region in regions if region not in self.blind]
        if not seen:
            raise TransientError(f"no region of account {role.account_id} could be seen")
        found = [cluster for cluster in self.clusters[role.account_id] if cluster.region in seen]
        for done, phase in enumerate((Phase.SIGN_IN, Phase.CLUSTERS, Phase.INSTANCES, Phase.DONE)):
            on_progress(Progress(account_id=role.account_id, region="", phase=phase, done=done, total=3))
        return Found(
            account_id=role.account_id,
            at=self._clock.now(),
            clusters=tuple(
                one if with_usage and one.arn not in measured else _without_usage(one)
                for one in sorted(found, key=lambda one: one.key)
            ),
            zones={one.region: self.zones.get(one.region, ()) for one in found},
            blind={region: self.blind[region] for region in regions if region in self.blind},
        )


def _without_usage(cluster: FoundCluster) -> FoundCluster:
    return replace(cluster, instances=tuple(replace(one, cpu_utilization=None) for one in cluster.instances))
