"""Twins of accounts, clusters and keys."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from adapters.postgres.memory.tables import MemoryRepository, by_age, page_of
from adapters.postgres.ports.clusters import ClusterKey
from adapters.postgres.ports.sites import AccountLook, SeenCluster
from domain.audit import AuditRow
from domain.errors import RejectedError
from domain.fleet import (
    Account,
    AccountStatus,
    ApiKey,
    Cluster,
    ClusterStatus,
    Heartbeat,
    Instance,
    KeyHolder,
    SealedKey,
)
from domain.paging import Page, PageRequest
from domain.tenancy import Organization


class MemoryAccounts(MemoryRepository):
    """Twin of `Accounts`."""

    async def create(self, account: Account) -> None:
        """Add an account."""
        self._view.refuse_twin(Account, lambda other: other.external_id == account.external_id, "external_id")
        mine = (account.organization_id, account.aws_account_id)
        self._view.refuse_twin(Account, lambda other: (other.organization_id, other.aws_account_id) == mine, "account")
        self._view.insert_new(account.id, account)

    async def get(self, account_id: UUID) -> Account | None:
        """One account."""
        return self._view.get(Account, account_id)

    async def of_organization(self, organization_id: UUID) -> tuple[Account, ...]:
        """Accounts of an organisation, oldest first."""
        return tuple(by_age(self._view.all(Account, lambda account: account.organization_id == organization_id)))

    async def with_status(self, status: AccountStatus) -> tuple[Account, ...]:
        """All accounts that stand so."""
        self._view.platform_only()
        return tuple(by_age(self._view.all(Account, lambda account: account.status == status)))

    async def set_status(self, account_id: UUID, status: AccountStatus, *, reason: str, now: datetime) -> bool:
        """Note how far it is connected."""
        found = self._view.get(Account, account_id)
        if found is not None:
            self._view.put(account_id, replace(found, status=status, status_reason=reason, updated_at=now))
        return found is not None

    async def set_role(self, account_id: UUID, role_arn: str, *, now: datetime) -> bool:
        """Note by which role it lets us in."""
        found = self._view.get(Account, account_id)
        if found is not None:
            self._view.put(account_id, replace(found, role_arn=role_arn, updated_at=now))
        return found is not None

    async def delete(self, account_id: UUID) -> bool:
        """Forget an account."""
        gone = self._view.drop(Account, account_id)
        if gone:
            self._view.drop_all(AccountLook, lambda look: look.account_id == account_id)
            self._view.drop_all(SeenCluster, lambda seen: seen.account_id == account_id)
        for cluster in self._view.all(Cluster, lambda cluster: gone and cluster.account_id == account_id):
            self._view.put(cluster.id, replace(cluster, account_id=None))
        return gone


class MemoryClusters(MemoryRepository):
    """Twin of `Clusters`."""

    async def create(self, cluster: Cluster) -> None:
        """Add a cluster."""
        mine = (cluster.organization_id, cluster.region, cluster.name)
        self._view.refuse_twin(Cluster, lambda c: (c.organization_id, c.region, c.name) == mine, "name")
        if cluster.account_id is not None and self._view.get(Account, cluster.account_id) is None:
            raise RejectedError("refused by the database: unknown account")
        self._view.insert_new(cluster.id, cluster)

    async def get(self, cluster_id: UUID) -> Cluster | None:
        """One cluster with its last heartbeat."""
        found = self._view.get(Cluster, cluster_id)
        return found and self._with_heartbeat(found)

    async def page(self, organization_id: UUID, request: PageRequest) -> Page[Cluster]:
        """Clusters of an organisation, newest first."""
        own = self._view.all(Cluster, lambda cluster: cluster.organization_id == organization_id)
        return page_of([self._with_heartbeat(cluster) for cluster in own], request)

    async def all_keys(self) -> tuple[ClusterKey, ...]:
        """Every cluster that is not disconnected."""
        self._view.platform_only()
        known = self._view.all(Cluster, lambda cluster: cluster.status != ClusterStatus.DISCONNECTED)
        return tuple(sorted(map(_key, known), key=lambda key: key.cluster_id))

    async def linked(self) -> tuple[ClusterKey, ...]:
        """Those that run in a linked AWS account."""
        keys = {key.cluster_id: key for key in await self.all_keys()}
        linked = self._view.all(Cluster, lambda cluster: cluster.account_id is not None)
        return tuple(keys[one] for one in sorted(cluster.id for cluster in linked) if one in keys)

    async def set_status(self, cluster_id: UUID, status: ClusterStatus, now: datetime) -> bool:
        """Note how it stands."""
        found = self._view.get(Cluster, cluster_id)
        if found is None or found.status == status:
            return False
        self._view.put(cluster_id, replace(found, status=status, updated_at=now))
        return True

    async def register(
        self, cluster_id: UUID, *, kubernetes_version: str, zone_ids: Mapping[str, str], now: datetime
    ) -> bool:
        """Note what its agent told when it registered."""
        found = self._view.get(Cluster, cluster_id)
        if found is None or found.status == ClusterStatus.DISCONNECTED:
            return False
        told = replace(found, kubernetes_version=kubernetes_version, zone_ids=dict(zone_ids), updated_at=now)
        self._view.put(cluster_id, replace(told, status=ClusterStatus.ACTIVE))
        return True

    async def beat(self, heartbeats: Sequence[Heartbeat]) -> tuple[UUID, ...]:
        """Keep many heartbeats."""
        self._view.platform_only()
        return tuple(beat.cluster_id for beat in heartbeats if self._beat(beat))

    async def silence(self, before: datetime, now: datetime) -> tuple[ClusterKey, ...]:
        """Turn active clusters without heartbeat silent."""
        self._view.platform_only()
        quiet = [beat.cluster_id for beat in self._view.all(Heartbeat, lambda beat: beat.at < before)]
        found = self._view.all(Cluster, lambda c: c.id in quiet and c.status == ClusterStatus.ACTIVE)
        for cluster in found:
            self._view.put(cluster.id, replace(cluster, status=ClusterStatus.SILENT, updated_at=now))
        return tuple(map(_key, found))

    async def delete(self, cluster_id: UUID) -> bool:
        """Delete a cluster and all that belongs to it."""
        gone = self._view.drop(Cluster, cluster_id)
        if gone:
            self._view.cascade("cluster_id", cluster_id, keep=(AuditRow,))
        return gone

    async def put_instances(self, cluster_id: UUID, instances: Sequence[Instance], seen_at: datetime) -> int:
        """Make these the instances of a cluster."""
        cluster = self._view.get(Cluster, cluster_id)
        if cluster is None:
            return 0
        for seen in instances:
            key, old = (cluster_id, seen.instance_id), self._view.get(Instance, (cluster_id, seen.instance_id))
            if old is None or old.seen_at <= seen_at:
                owned = replace(seen, cluster_id=cluster_id, organization_id=cluster.organization_id, seen_at=seen_at)
                self._view.put(key, owned)
        return self._view.drop_all(Instance, lambda i: i.cluster_id == cluster_id and i.seen_at < seen_at)

    async def instances(self, cluster_id: UUID) -> tuple[Instance, ...]:
        """Instances of a cluster, by id."""
        own = self._view.all(Instance, lambda instance: instance.cluster_id == cluster_id)
        return tuple(sorted(own, key=lambda instance: instance.instance_id))

    async def owners_of(self, instance_ids: Sequence[str]) -> Mapping[str, UUID]:
        """Which cluster each instance is known to belong to."""
        known = self._view.all(Instance, lambda instance: instance.instance_id in instance_ids)
        return {instance.instance_id: instance.cluster_id for instance in known}

    def _beat(self, beat: Heartbeat) -> bool:
        cluster, last = self._view.get(Cluster, beat.cluster_id), self._view.get(Heartbeat, beat.cluster_id)
        if cluster is None or cluster.organization_id != beat.organization_id:
            return False
        if cluster.status == ClusterStatus.DISCONNECTED or (last is not None and last.at >= beat.at):
            return False
        known = last.node_count if last is not None else 0
        self._view.put(beat.cluster_id, replace(beat, node_count=beat.node_count or known))
        if cluster.status == ClusterStatus.ACTIVE:
            return False
        self._view.put(cluster.id, replace(cluster, status=ClusterStatus.ACTIVE, updated_at=beat.at))
        return True

    def _with_heartbeat(self, cluster: Cluster) -> Cluster:
        return with_heartbeat(cluster, self._view.get(Heartbeat, cluster.id))


def with_heartbeat(cluster: Cluster, beat: Heartbeat | None) -> Cluster:
    """A cluster with what its agent told last."""
    if beat is None:
        return cluster
    return replace(cluster, last_heartbeat_at=beat.at, agent_version=beat.agent_version, node_count=beat.node_count)


class MemoryApiKeys(MemoryRepository):
    """Twin of `ApiKeys`."""

    async def create(self, key: ApiKey, signing: SealedKey) -> None:
        """Keep a key's hash and its sealed signing key."""
        self._view.refuse_twin(ApiKey, lambda other: other.key_hash == key.key_hash, "key_hash")
        self._view.insert_new(key.id, key)
        self._view.insert_new(signing.api_key_id, signing)

    async def find(self, key_hash: bytes) -> KeyHolder | None:
        """Whom a key speaks for."""
        self._view.platform_only()
        key = next(iter(self._view.all(ApiKey, lambda key: key.key_hash == key_hash)), None)
        cluster = None if key is None else self._view.get(Cluster, key.cluster_id)
        owner = None if cluster is None else self._view.get(Organization, cluster.organization_id)
        if key is None or cluster is None or owner is None:
            return None
        return KeyHolder(
            api_key_id=key.id,
            cluster_id=cluster.id,
            organization_id=owner.id,
            region=cluster.region,
            zone_ids=cluster.zone_ids,
            cluster_status=cluster.status,
            suspended=owner.suspended_at is not None,
            expires_at=key.expires_at,
            revoked_at=key.revoked_at,
            revoked_reason=key.revoked_reason,
        )

    async def of_cluster(self, cluster_id: UUID) -> tuple[ApiKey, ...]:
        """Keys of a cluster, newest first."""
        return tuple(by_age(self._view.all(ApiKey, lambda key: key.cluster_id == cluster_id)))[::-1]

    async def revoke(self, key_id: UUID, *, reason: str, now: datetime) -> bool:
        """Make a key void for good."""
        found = self._view.get(ApiKey, key_id)
        if found is None or found.revoked_at is not None:
            return False
        self._view.put(key_id, replace(found, revoked_at=now, revoked_reason=reason))
        return True

    async def touch(self, used: Mapping[UUID, datetime]) -> None:
        """Note when keys were last used."""
        self._view.platform_only()
        for key in self._view.all(ApiKey, lambda key: key.id in used):
            if key.last_used_at is None or key.last_used_at < used[key.id]:
                self._view.put(key.id, replace(key, last_used_at=used[key.id]))

    async def signing_key(self, cluster_id: UUID, now: datetime) -> SealedKey | None:
        """The sealed signing key that the cluster's agent has."""
        own = self._view.all(ApiKey, lambda key: key.cluster_id == cluster_id and key.revoked_at is None)
        valid = [key for key in own if key.expires_at is None or key.expires_at > now]
        if not valid:
            return None
        best = max(valid, key=lambda key: (key.last_used_at is not None, key.last_used_at or now, key.created_at))
        return self._view.get(SealedKey, best.id)


def _key(cluster: Cluster) -> ClusterKey:
    return ClusterKey(cluster_id=cluster.id, organization_id=cluster.organization_id)
