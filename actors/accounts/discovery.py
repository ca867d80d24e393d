"""Discovery (WORK-DISC-01) of one account: look, compare with the last look, store, tell.

Survives everything: what was found is stored in one transaction, and the next round looks at everything again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from actors.accounts.evidence import runs_here
from actors.accounts.sites import role_of
from actors.accounts.telling import Teller
from actors.services import Services
from adapters.aws.discovery.diff import AccountDifference, diff
from adapters.aws.discovery.joining import to_instances
from adapters.aws.discovery.stored import from_json, to_json
from adapters.aws.ports.discovery import Found, FoundCluster
from adapters.catalog import regions
from adapters.postgres.ports import Transaction
from adapters.postgres.ports.sites import AccountLook, ClusterMatch, SeenCluster
from domain.errors import InputError, RejectedError, TransientError
from domain.fleet import Account, AccountStatus, ClusterStatus
from domain.market import CapacityType

USAGE_EVERY = timedelta(minutes=59)
"""How often CloudWatch is asked, for which the customer pays; a minute less, so that rounds of 5 minutes meet it."""

Prices = dict[tuple[str, str, CapacityType], int]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Before:
    """What is known of an account before a look."""

    account: Account
    look: AccountLook
    clusters: tuple[SeenCluster, ...]
    measured: frozenset[str]


class Discoverer:
    """Looks into accounts, one call for each."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def look(self, organization_id: UUID, account_id: UUID) -> str:
        """Look into an account and store what is there; what came of it, in words.

        An account that does not let us in is marked failed with the reason. One that cannot be seen just now keeps what
        was known of it.

        Raises
        ------
        TransientError
            The database is away.
        """
        before = await self._before(organization_id, account_id)
        if before is None:
            return "the account is gone"
        services, account = self._services, before.account
        teller = Teller(
            services.hub.bus, services.clock, organization_id=account.organization_id, account_id=account.id
        )
        with_usage = before.look.usage_at is None or services.clock.now() - before.look.usage_at >= USAGE_EVERY
        try:
            async with teller.telling():
                found = await services.aws.discovery.discover(
                    role_of(account),
                    regions=regions(),
                    measured=before.measured,
                    with_usage=with_usage,
                    on_progress=teller.step,
                )
        except TransientError as err:
            await self._note(before, str(err), status=account.status)
            await teller.ended(account.status, reason=str(err))
            return f"could not be seen: {err}"
        except RejectedError as err:
            await self._note(before, str(err), status=AccountStatus.FAILED)
            await teller.ended(AccountStatus.FAILED, reason=str(err))
            return f"failed: {err}"
        changes = await self._keep(before, found, with_usage=with_usage)
        nodes = sum(len(cluster.instances) for cluster in found.clusters)
        await teller.ended(AccountStatus.ACTIVE, clusters=len(found.clusters), instances=nodes)
        return f"{len(found.clusters)} clusters, {nodes} instances, {sum(changes.values())} changes"

    async def _before(self, organization_id: UUID, account_id: UUID) -> _Before | None:
        async with self._services.database.tenant(organization_id) as tx:
            account = await tx.accounts.get(account_id)
            if account is None:
                return None
            look = await tx.sites.look(account_id)
            seen = await tx.sites.clusters(account_id)
            measured = await _measured(tx, await tx.sites.connected(account_id), seen)
        return _Before(
            account=account,
            look=look or AccountLook(account_id=account.id, organization_id=account.organization_id),
            clusters=seen,
            measured=measured,
        )

    async def _note(self, before: _Before, problem: str, *, status: AccountStatus) -> None:
        account, now = before.account, self._services.clock.now()
        log.warning("an account cannot be seen", account=account.aws_account_id, error=problem)
        async with self._services.database.tenant(account.organization_id) as tx:
            await tx.sites.put_look(replace(before.look, problem=problem))
            if status is not account.status:
                await tx.accounts.set_status(account.id, status, reason=problem, now=now)

    async def _keep(self, before: _Before, found: Found, *, with_usage: bool) -> dict[str, int]:
        account, now = before.account, found.at
        changes = counted(diff(_found_before(before), found))
        prices = await self._prices(found)
        seen = [_seen(account, cluster, found, now=now) for cluster in found.clusters]
        look = replace(
            before.look,
            looked_at=now,
            usage_at=now if with_usage else before.look.usage_at,
            problem="",
            blind=found.blind,
            changes=changes,
        )
        async with self._services.database.tenant(account.organization_id) as tx:
            if await tx.accounts.get(account.id) is None:
                return {}
            await tx.sites.put_clusters(account.id, seen, blind=tuple(found.blind), now=now)
            await tx.sites.put_look(look)
            await self._link(tx, account, found)
            await tx.sites.adopt(account.id, now=now)
            for match in await tx.sites.connected(account.id):
                await _put_instances(tx, account, match, found=found, prices=prices)
            await tx.accounts.set_status(account.id, AccountStatus.ACTIVE, reason="", now=now)
        return changes

    async def _link(self, tx: Transaction, account: Account, found: Found) -> None:
        """Clusters that were connected by their agent alone, when one of their nodes is an instance found here."""
        by_place = {(cluster.region, cluster.name): cluster for cluster in found.clusters}
        for match in await tx.sites.unlinked(account.id):
            cluster = by_place.get((match.region, match.name))
            snapshot = await tx.snapshots.get(match.cluster_id)
            if cluster is not None and snapshot is not None and runs_here(snapshot, cluster):
                await tx.sites.link(match.cluster_id, account.id, now=found.at)
                log.info("a cluster was found in an account", cluster=str(match.cluster_id), account=str(account.id))

    async def _prices(self, found: Found) -> Prices:
        """What each instance costs, as far as that is known."""
        prices: Prices = {}
        types: dict[str, set[str]] = {}
        for cluster in found.clusters:
            types.setdefault(cluster.region, set()).update(one.instance_type for one in cluster.instances)
        for region, names in types.items():
            spot = await self._services.hub.prices.get(region, sorted(names))
            async with self._services.database.platform() as tx:
                on_demand = await tx.market.on_demand(region)
            zones = {zone.id for zone in found.zones.get(region, ())}
            for name in names & on_demand.keys():
                prices |= {(name, zone_id, CapacityType.ON_DEMAND): on_demand[name] for zone_id in zones}
            for name, by_zone in spot.items():
                prices |= {(name, zone_id, CapacityType.SPOT): price for zone_id, price in by_zone.items()}
        return prices


def counted(difference: AccountDifference) -> dict[str, int]:
    """How many of what has changed; nothing that has not."""
    instances = [within.instances for within in difference.within]
    groups = [within.scaling_groups for within in difference.within]
    counts = {
        "clusters added": len(difference.clusters.added),
        "clusters removed": len(difference.clusters.removed),
        "clusters changed": len(difference.clusters.changed),
        "instances added": sum(len(one.added) for one in instances),
        "instances removed": sum(len(one.removed) for one in instances),
        "instances changed": sum(len(one.changed) for one in instances),
        "groups changed": sum(len(one.added) + len(one.removed) + len(one.changed) for one in groups),
    }
    return {what: count for what, count in counts.items() if count}


async def _measured(tx: Transaction, connected: Sequence[ClusterMatch], seen: Sequence[SeenCluster]) -> frozenset[str]:
    """ARNs of clusters whose agent is alive: it measures usage, and nobody pays CloudWatch for it."""
    arns = {(cluster.region, cluster.name): cluster.arn for cluster in seen}
    alive = set()
    for match in connected:
        cluster = await tx.clusters.get(match.cluster_id)
        if cluster is not None and cluster.status is ClusterStatus.ACTIVE:
            alive.add(arns.get((match.region, match.name), ""))
    return frozenset(alive - {""})


async def _put_instances(
    tx: Transaction, account: Account, match: ClusterMatch, *, found: Found, prices: Prices
) -> None:
    """Instances of a connected cluster; where nobody asked for CPU, the last figure stays."""
    cluster = next((one for one in found.clusters if (one.region, one.name) == (match.region, match.name)), None)
    if cluster is None:
        return
    known = {one.instance_id: one.cpu_utilization for one in await tx.clusters.instances(match.cluster_id)}
    instances = to_instances(
        cluster,
        organization_id=account.organization_id,
        cluster_id=match.cluster_id,
        prices=prices,
        seen_at=found.at,
    )
    kept = [
        replace(one, cpu_utilization=known.get(one.instance_id)) if one.cpu_utilization is None else one
        for one in instances
    ]
    await tx.clusters.put_instances(match.cluster_id, kept, found.at)


def _seen(account: Account, cluster: FoundCluster, found: Found, *, now: datetime) -> SeenCluster:
    return SeenCluster(
        account_id=account.id,
        organization_id=account.organization_id,
        region=cluster.region,
        name=cluster.name,
        arn=cluster.arn,
        status=cluster.status,
        kubernetes_version=cluster.kubernetes_version,
        endpoint=cluster.endpoint,
        vpc_id=cluster.vpc_id,
        zone_ids=found.zone_ids(cluster.region),
        node_count=len(cluster.instances),
        spot_count=sum(one.capacity_type is CapacityType.SPOT for one in cluster.instances),
        body=to_json(cluster),
        seen_at=now,
    )


def _found_before(before: _Before) -> Found | None:
    """The last look, ``None`` before the first; what an older version stored counts as not seen."""
    if before.look.looked_at is None:
        return None
    clusters = []
    for seen in before.clusters:
        try:
            clusters.append(from_json(seen.body))
        except InputError:
            continue
    return Found(account_id=before.account.aws_account_id, at=before.look.looked_at, clusters=tuple(clusters))
