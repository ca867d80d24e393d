"""Accounts, clusters, their keys, templates, policies and snapshots."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from domain.fleet import (
    Account,
    AccountStatus,
    ApiKey,
    Cluster,
    ClusterPolicy,
    ClusterStatus,
    Heartbeat,
    Instance,
    KeyHolder,
    PolicySection,
    SealedKey,
)
from domain.paging import Page, PageRequest
from domain.templates import StoredTemplate
from domain.work import StoredSnapshot, StoredState


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterKey:
    """A cluster and whose it is: enough to address it."""

    cluster_id: UUID
    organization_id: UUID


class Accounts(Protocol):
    """AWS accounts."""

    async def create(self, account: Account) -> None:
        """Add an account.

        Raises
        ------
        RejectedError
            The organisation has it already, or the external id is taken.
        """

    async def get(self, account_id: UUID) -> Account | None:
        """One account."""

    async def of_organization(self, organization_id: UUID) -> tuple[Account, ...]:
        """Accounts of an organisation, oldest first."""

    async def with_status(self, status: AccountStatus) -> tuple[Account, ...]:
        """All accounts that stand so (platform scope)."""

    async def set_status(self, account_id: UUID, status: AccountStatus, *, reason: str, now: datetime) -> bool:
        """Note how far it is connected, and why when it failed."""

    async def set_role(self, account_id: UUID, role_arn: str, *, now: datetime) -> bool:
        """Note by which role it lets us in."""

    async def delete(self, account_id: UUID) -> bool:
        """Forget an account and what was found there; its clusters stay, without one."""


class Clusters(Protocol):
    """Clusters, their heartbeats and instances."""

    async def create(self, cluster: Cluster) -> None:
        """Add a cluster.

        Raises
        ------
        RejectedError
            The organisation has one of this name in this region, or the account is not its own.
        """

    async def get(self, cluster_id: UUID) -> Cluster | None:
        """One cluster with its last heartbeat."""

    async def page(self, organization_id: UUID, request: PageRequest) -> Page[Cluster]:
        """Clusters of an organisation, newest first."""

    async def all_keys(self) -> tuple[ClusterKey, ...]:
        """Every cluster that is not disconnected (platform scope): for hosts that start."""

    async def linked(self) -> tuple[ClusterKey, ...]:
        """Those of them that run in a linked AWS account (platform scope)."""

    async def set_status(self, cluster_id: UUID, status: ClusterStatus, now: datetime) -> bool:
        """Note how it stands; false when it stood so already or is not there."""

    async def register(
        self, cluster_id: UUID, *, kubernetes_version: str, zone_ids: Mapping[str, str], now: datetime
    ) -> bool:
        """Note what its agent told when it registered, and that the cluster is active unless it is disconnected."""

    async def beat(self, heartbeats: Sequence[Heartbeat]) -> tuple[UUID, ...]:
        """Keep many heartbeats in one statement (platform scope); clusters that came alive by it.

        An older one never replaces a newer one, and one of an unknown or disconnected cluster is dropped.
        """

    async def silence(self, before: datetime, now: datetime) -> tuple[ClusterKey, ...]:
        """Turn active clusters without heartbeat since ``before`` silent, and tell which (platform scope)."""

    async def delete(self, cluster_id: UUID) -> bool:
        """Delete a cluster and all that belongs to it, save the audit log."""

    async def put_instances(self, cluster_id: UUID, instances: Sequence[Instance], seen_at: datetime) -> int:
        """Make these the instances of a cluster; says how many others are gone."""

    async def instances(self, cluster_id: UUID) -> tuple[Instance, ...]:
        """Instances of a cluster, by id."""

    async def owners_of(self, instance_ids: Sequence[str]) -> Mapping[str, UUID]:
        """Which cluster each instance is known to belong to; unknown ones are left out."""


class ApiKeys(Protocol):
    """Agents' keys, and the signing keys that go with them."""

    async def create(self, key: ApiKey, signing: SealedKey) -> None:
        """Keep a key's hash and its sealed signing key."""

    async def find(self, key_hash: bytes) -> KeyHolder | None:
        """Whom a key speaks for (platform scope), also when it is revoked or expired: ask `KeyHolder.is_valid`."""

    async def of_cluster(self, cluster_id: UUID) -> tuple[ApiKey, ...]:
        """Keys of a cluster, newest first, revoked ones too."""

    async def revoke(self, key_id: UUID, *, reason: str, now: datetime) -> bool:
        """Make a key void for good; false when it is unknown or was void already."""

    async def touch(self, used: Mapping[UUID, datetime]) -> None:
        """Note when keys were last used, many in one statement (platform scope)."""

    async def signing_key(self, cluster_id: UUID, now: datetime) -> SealedKey | None:
        """The sealed signing key of the cluster's valid API key that was used last, the newest when none was."""


class Templates(Protocol):
    """Node templates."""

    async def create(self, template: StoredTemplate) -> None:
        """Add a template; as the default it takes that from the one before.

        Raises
        ------
        RejectedError
            The name is taken.
        """

    async def get(self, template_id: UUID) -> StoredTemplate | None:
        """One template."""

    async def of_organization(self, organization_id: UUID) -> tuple[StoredTemplate, ...]:
        """Templates of an organisation, by name."""

    async def make_default(self, template_id: UUID, now: datetime) -> bool:
        """Make one the default of its organisation."""

    async def delete(self, template_id: UUID) -> bool:
        """Delete a template. Whether it is in use is for the caller to ask.

        Raises
        ------
        RejectedError
            It is the default.
        """


class Policies(Protocol):
    """Policies of clusters, defaults filled in."""

    async def get(self, cluster_id: UUID) -> ClusterPolicy | None:
        """The policy of a cluster, ``None`` when there is no such cluster."""

    async def locked(self, cluster_id: UUID) -> ClusterPolicy | None:
        """The same, and nobody else who locks it reads or changes it before this transaction ends."""

    async def set_section(
        self, cluster_id: UUID, section: PolicySection, changes: Mapping[str, object], *, now: datetime
    ) -> ClusterPolicy | None:
        """Set fields of one section and hear the whole; ``None`` when there is no such cluster.

        Fields that are not named stay as they are; one that is set to ``None`` goes back to its default.
        """


class Snapshots(Protocol):
    """The last snapshot and the stored state of each cluster: what a host rebuilds itself from."""

    async def put(self, snapshot: StoredSnapshot) -> bool:
        """Keep a snapshot unless a newer one is kept already."""

    async def get(self, cluster_id: UUID) -> StoredSnapshot | None:
        """The last snapshot."""

    async def put_state(self, state: StoredState) -> bool:
        """Keep a state whose version is one more than the stored one; false when another host was there before."""

    async def get_state(self, cluster_id: UUID) -> StoredState | None:
        """The stored state."""
