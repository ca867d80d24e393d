"""What any database must do with accounts, clusters, keys, templates, policies and snapshots."""

from dataclasses import replace
from typing import Any

import pytest

from adapters.postgres.failures import ConflictError
from adapters.postgres.ids import new_id
from adapters.postgres.ports import Database
from domain.errors import RejectedError
from domain.fleet import (
    DEFAULT_POLICY,
    Account,
    AccountStatus,
    Cluster,
    ClusterStatus,
    Heartbeat,
    Instance,
    Lifecycle,
    PolicySection,
)
from domain.paging import PageRequest
from domain.templates import StoredTemplate, TemplateArchitecture, TemplateSpec, TemplateStrategy
from domain.tenancy import Organization
from domain.work import StoredSnapshot, StoredState
from tests.unit.postgres.builders import (
    NOW,
    add_cluster,
    add_organization,
    after,
    digest,
    make_cluster,
    make_key,
    make_sealed,
)


def make_account(organization: Organization, **fields: Any) -> Account:
    account_id = new_id()
    defaults: dict[str, Any] = {
        "id": account_id,
        "organization_id": organization.id,
        "aws_account_id": "123456789012",
        "role_arn": "arn:aws:iam::123456789012:role/spot",
        "external_id": str(account_id),
        "status": AccountStatus.PENDING,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Account(**(defaults | fields))


def beat(cluster: Cluster, seconds: float, **fields: Any) -> Heartbeat:
    return Heartbeat(cluster_id=cluster.id, organization_id=cluster.organization_id, at=after(seconds), **fields)


async def test_an_account_is_kept_and_its_status_told(database: Database) -> None:
    organization = await add_organization(database)
    account = make_account(organization)
    async with database.tenant(organization.id) as tx:
        await tx.accounts.create(account)
        assert await tx.accounts.set_status(account.id, AccountStatus.FAILED, reason="no role", now=after(1))
        (found,) = await tx.accounts.of_organization(organization.id)
    assert (found.status, found.status_reason, found.updated_at) == (AccountStatus.FAILED, "no role", after(1))
    async with database.platform() as tx:
        assert found in await tx.accounts.with_status(AccountStatus.FAILED)


async def test_an_account_is_connected_once_by_an_organisation(database: Database) -> None:
    organization = await add_organization(database)
    async with database.tenant(organization.id) as tx:
        await tx.accounts.create(make_account(organization))
    with pytest.raises(ConflictError):
        async with database.tenant(organization.id) as tx:
            await tx.accounts.create(make_account(organization))


async def test_a_cluster_outlives_its_account(database: Database) -> None:
    organization = await add_organization(database)
    account = make_account(organization)
    async with database.tenant(organization.id) as tx:
        await tx.accounts.create(account)
    cluster = await add_cluster(database, organization, account_id=account.id)
    async with database.tenant(organization.id) as tx:
        assert await tx.accounts.delete(account.id)
        found = await tx.clusters.get(cluster.id)
    assert found == replace(cluster, account_id=None)


async def test_a_cluster_cannot_have_the_account_of_another_organisation(database: Database) -> None:
    mine, other = await add_organization(database), await add_organization(database)
    account = make_account(other)
    async with database.tenant(other.id) as tx:
        await tx.accounts.create(account)
    with pytest.raises(RejectedError):
        async with database.tenant(mine.id) as tx:
            await tx.clusters.create(make_cluster(mine.id, account_id=account.id))


async def test_a_cluster_is_unique_by_name_and_region(database: Database) -> None:
    cluster = await add_cluster(database)
    twin = make_cluster(cluster.organization_id, name=cluster.name)
    with pytest.raises(ConflictError):
        async with database.tenant(cluster.organization_id) as tx:
            await tx.clusters.create(twin)
    async with database.tenant(cluster.organization_id) as tx:
        await tx.clusters.create(replace(twin, region="eu-west-1"))


async def test_clusters_are_paged_with_their_heartbeat(database: Database) -> None:
    organization = await add_organization(database)
    old = await add_cluster(database, organization)
    young = await add_cluster(database, organization, created_at=after(1))
    async with database.platform() as tx:
        await tx.clusters.beat([beat(young, 5, agent_version="1.2", node_count=3)])
    async with database.tenant(organization.id) as tx:
        first = await tx.clusters.page(organization.id, PageRequest(limit=1))
        second = await tx.clusters.page(organization.id, PageRequest(limit=1, after=first.next))
    (shown,) = first.items
    assert (shown.id, shown.last_heartbeat_at, shown.agent_version, shown.node_count) == (young.id, after(5), "1.2", 3)
    assert (second.items, second.next) == ((old,), None)


async def test_registration_tells_version_and_zones_and_wakes_the_cluster(database: Database) -> None:
    cluster = await add_cluster(database, status=ClusterStatus.PENDING)
    async with database.tenant(cluster.organization_id) as tx:
        assert await tx.clusters.register(
            cluster.id, kubernetes_version="1.34", zone_ids={"us-east-1a": "use1-az6"}, now=after(1)
        )
        found = await tx.clusters.get(cluster.id)
    assert found is not None
    assert (found.status, found.kubernetes_version) == (ClusterStatus.ACTIVE, "1.34")
    assert found.zone_ids == {"us-east-1a": "use1-az6"}


async def test_heartbeats_wake_clusters_and_an_older_one_changes_nothing(database: Database) -> None:
    pending = await add_cluster(database, status=ClusterStatus.PENDING)
    active = await add_cluster(database)
    cut_off = await add_cluster(database, status=ClusterStatus.DISCONNECTED)
    async with database.single() as tx:
        woken = await tx.clusters.beat([beat(pending, 9), beat(active, 9, node_count=5), beat(cut_off, 9)])
        assert woken == (pending.id,)
        assert await tx.clusters.beat([beat(pending, 8), beat(active, 8, node_count=1)]) == ()
        found = await tx.clusters.get(active.id)
        assert found is not None
        assert (found.last_heartbeat_at, found.node_count) == (after(9), 5)
        off = await tx.clusters.get(cut_off.id)
    assert off is not None
    assert (off.status, off.last_heartbeat_at) == (ClusterStatus.DISCONNECTED, None)


async def test_a_heartbeat_that_does_not_know_how_many_nodes_there_are_keeps_the_count(database: Database) -> None:
    cluster = await add_cluster(database)
    async with database.single() as tx:
        await tx.clusters.beat([beat(cluster, 8, node_count=5)])
        await tx.clusters.beat([beat(cluster, 9, node_count=0)])
        found = await tx.clusters.get(cluster.id)
    assert found is not None
    assert (found.last_heartbeat_at, found.node_count) == (after(9), 5)


async def test_a_heartbeat_in_the_name_of_another_organisation_is_dropped(database: Database) -> None:
    cluster, other = await add_cluster(database), await add_organization(database)
    async with database.single() as tx:
        await tx.clusters.beat([replace(beat(cluster, 1), organization_id=other.id)])
        found = await tx.clusters.get(cluster.id)
    assert found is not None
    assert found.last_heartbeat_at is None


async def test_clusters_without_heartbeat_turn_silent_once(database: Database) -> None:
    quiet, loud = await add_cluster(database), await add_cluster(database)
    async with database.platform() as tx:
        await tx.clusters.beat([beat(quiet, 0), beat(loud, 50)])
        assert [key.cluster_id for key in await tx.clusters.silence(after(30), after(60))] == [quiet.id]
        assert await tx.clusters.silence(after(30), after(61)) == ()


async def test_hosts_start_with_every_cluster_that_is_not_cut_off(database: Database) -> None:
    here, gone = await add_cluster(database), await add_cluster(database)
    async with database.platform() as tx:
        assert await tx.clusters.set_status(gone.id, ClusterStatus.DISCONNECTED, NOW)
        assert not await tx.clusters.set_status(gone.id, ClusterStatus.DISCONNECTED, NOW)
        assert [key.cluster_id for key in await tx.clusters.all_keys()] == [here.id]


async def test_clusters_in_linked_accounts_are_known_apart(database: Database) -> None:
    organization = await add_organization(database)
    await add_cluster(database, organization)
    account = make_account(organization)
    async with database.tenant(organization.id) as tx:
        await tx.accounts.create(account)
    linked = await add_cluster(database, organization, account_id=account.id, name="linked")
    async with database.platform() as tx:
        assert [key.cluster_id for key in await tx.clusters.linked()] == [linked.id]


async def test_instances_are_those_seen_last(database: Database) -> None:
    cluster = await add_cluster(database)

    def instance(instance_id: str, **fields: Any) -> Instance:
        return Instance(
            organization_id=cluster.organization_id,
            cluster_id=cluster.id,
            instance_id=instance_id,
            instance_type="m5.large",
            lifecycle=Lifecycle.SPOT,
            zone_name="us-east-1a",
            zone_id="use1-az6",
            **({"seen_at": NOW} | fields),
        )

    async with database.tenant(cluster.organization_id) as tx:
        await tx.clusters.put_instances(cluster.id, [instance("i-1"), instance("i-2")], NOW)
        again = instance("i-2", price_micro_usd_per_h=50_000, cpu_utilization=0.5, seen_at=after(1))
        assert await tx.clusters.put_instances(cluster.id, [again], after(1)) == 1
        assert await tx.clusters.instances(cluster.id) == (again,)
        assert await tx.clusters.owners_of(["i-1", "i-2"]) == {"i-2": cluster.id}


async def test_a_key_is_found_by_its_hash_with_all_the_gateway_needs(database: Database) -> None:
    cluster = await add_cluster(database, zone_ids={"us-east-1a": "use1-az6"})
    key = make_key(cluster, "secret")
    async with database.tenant(cluster.organization_id) as tx:
        await tx.api_keys.create(key, make_sealed(key))
    async with database.single() as tx:
        holder = await tx.api_keys.find(digest("secret"))
        assert await tx.api_keys.find(digest("other")) is None
    assert holder is not None
    assert (holder.cluster_id, holder.organization_id, holder.region) == (
        cluster.id,
        cluster.organization_id,
        "us-east-1",
    )
    assert holder.zone_ids == {"us-east-1a": "use1-az6"}
    assert holder.is_valid(NOW)


async def test_revoked_expired_and_suspended_keys_open_nothing(database: Database) -> None:
    cluster = await add_cluster(database)
    expiring, revoked = make_key(cluster, "e", expires_at=after(10)), make_key(cluster, "r")
    async with database.tenant(cluster.organization_id) as tx:
        for key in (expiring, revoked):
            await tx.api_keys.create(key, make_sealed(key))
        assert await tx.api_keys.revoke(revoked.id, reason="leaked", now=after(1))
        assert not await tx.api_keys.revoke(revoked.id, reason="again", now=after(2))
    async with database.platform() as tx:
        holder, gone = await tx.api_keys.find(digest("e")), await tx.api_keys.find(digest("r"))
        assert holder is not None
        assert holder.is_valid(after(9))
        assert not holder.is_valid(after(10))
        assert gone is not None
        assert (gone.revoked_reason, gone.is_valid(NOW)) == ("leaked", False)
        await tx.organizations.suspend(cluster.organization_id, NOW)
        holder = await tx.api_keys.find(digest("e"))
    assert holder is not None
    assert not holder.is_valid(NOW)


async def test_keys_remember_when_they_were_last_used(database: Database) -> None:
    cluster = await add_cluster(database)
    keys = [make_key(cluster, created_at=after(n)) for n in range(2)]
    async with database.tenant(cluster.organization_id) as tx:
        for key in keys:
            await tx.api_keys.create(key, make_sealed(key))
    async with database.single() as tx:
        await tx.api_keys.touch({keys[0].id: after(5), keys[1].id: after(6), new_id(): after(7)})
        await tx.api_keys.touch({keys[0].id: after(4)})
        found = await tx.api_keys.of_cluster(cluster.id)
    assert [(key.id, key.last_used_at) for key in found] == [(keys[1].id, after(6)), (keys[0].id, after(5))]


async def test_actions_are_signed_with_the_key_that_the_agent_uses(database: Database) -> None:
    cluster = await add_cluster(database)
    old, young = make_key(cluster), make_key(cluster, created_at=after(1))
    async with database.platform() as tx:
        assert await tx.api_keys.signing_key(cluster.id, NOW) is None
        for key in (old, young):
            await tx.api_keys.create(key, make_sealed(key))
        assert await tx.api_keys.signing_key(cluster.id, after(2)) == make_sealed(young)
        await tx.api_keys.touch({old.id: after(3)})
        assert await tx.api_keys.signing_key(cluster.id, after(4)) == make_sealed(old)
        await tx.api_keys.revoke(old.id, reason="", now=after(5))
        assert await tx.api_keys.signing_key(cluster.id, after(6)) == make_sealed(young)


def make_template(organization: Organization, name: str, **fields: Any) -> StoredTemplate:
    spec = TemplateSpec(
        name=name,
        families=("m5",),
        architecture=TemplateArchitecture.X86_64,
        strategy=TemplateStrategy.SPOT,
        **fields,
    )
    return StoredTemplate(id=new_id(), organization_id=organization.id, spec=spec, created_at=NOW, updated_at=NOW)


async def test_one_template_at_most_is_the_default(database: Database) -> None:
    organization = await add_organization(database)
    new = make_template(organization, "mine", is_default=True)
    async with database.tenant(organization.id) as tx:
        await tx.templates.create(new)
        all_ = await tx.templates.of_organization(organization.id)
        assert [template.id for template in all_ if template.spec.is_default] == [new.id]
        other = next(template for template in all_ if template.id != new.id)
        assert await tx.templates.make_default(other.id, NOW)
        all_ = await tx.templates.of_organization(organization.id)
        assert [template.id for template in all_ if template.spec.is_default] == [other.id]
        assert await tx.templates.delete(new.id)
        assert await tx.templates.get(new.id) is None


async def test_the_default_template_is_not_deleted(database: Database) -> None:
    organization = await add_organization(database)
    template = make_template(organization, "mine", is_default=True)
    async with database.tenant(organization.id) as tx:
        await tx.templates.create(template)
    with pytest.raises(RejectedError):
        async with database.tenant(organization.id) as tx:
            await tx.templates.delete(template.id)


async def test_two_templates_of_one_name_are_refused(database: Database) -> None:
    organization = await add_organization(database)
    async with database.tenant(organization.id) as tx:
        await tx.templates.create(make_template(organization, "twin"))
    with pytest.raises(ConflictError):
        async with database.tenant(organization.id) as tx:
            await tx.templates.create(make_template(organization, "twin"))


async def test_a_policy_is_the_default_until_a_section_is_set(database: Database) -> None:
    cluster = await add_cluster(database)
    async with database.tenant(cluster.organization_id) as tx:
        policy = await tx.policies.get(cluster.id)
        assert policy is not None
        assert (policy.sections, policy.version, policy.updated_at) == (dict(DEFAULT_POLICY), 0, None)
        await tx.policies.set_section(cluster.id, PolicySection.BUFFER, {"percent": 5}, now=after(1))
        policy = await tx.policies.set_section(cluster.id, PolicySection.BUFFER, {"percent": 30}, now=after(2))
    assert policy is not None
    assert policy.sections == {**DEFAULT_POLICY, PolicySection.BUFFER: {"percent": 30}}
    assert (policy.version, policy.updated_at) == (2, after(2))


async def test_fields_of_a_section_are_set_one_by_one_and_go_back_to_their_defaults(database: Database) -> None:
    cluster = await add_cluster(database)
    async with database.tenant(cluster.organization_id) as tx:
        await tx.policies.set_section(cluster.id, PolicySection.STRATEGY, {"mode": None, "capacity": "spot"}, now=NOW)
        await tx.policies.set_section(cluster.id, PolicySection.BUFFER, {"percent": 5}, now=after(1))
        await tx.policies.set_section(cluster.id, PolicySection.STRATEGY, {"mode": "approve"}, now=after(2))
        policy = await tx.policies.locked(cluster.id)
        assert policy is not None
        both = {**DEFAULT_POLICY[PolicySection.STRATEGY], "mode": "approve", "capacity": "spot"}
        assert policy.sections[PolicySection.STRATEGY] == both
        back = {"mode": None, "capacity": None}
        policy = await tx.policies.set_section(cluster.id, PolicySection.STRATEGY, back, now=after(3))
    assert policy is not None
    assert policy.sections == {**DEFAULT_POLICY, PolicySection.BUFFER: {"percent": 5}}
    assert policy.version == 4


async def test_the_policy_of_an_unknown_cluster_cannot_be_set(database: Database) -> None:
    organization = await add_organization(database)
    async with database.tenant(organization.id) as tx:
        assert await tx.policies.set_section(new_id(), PolicySection.BUFFER, {"percent": 5}, now=NOW) is None
        assert await tx.policies.locked(new_id()) is None


async def test_a_snapshot_never_replaces_a_newer_one(database: Database) -> None:
    cluster = await add_cluster(database)
    new = StoredSnapshot(
        cluster_id=cluster.id,
        organization_id=cluster.organization_id,
        body=b"\x00new",
        hash="ab",
        observed_at=after(9),
        stored_at=after(10),
    )
    async with database.tenant(cluster.organization_id) as tx:
        assert await tx.snapshots.get(cluster.id) is None
        assert await tx.snapshots.put(new)
        assert not await tx.snapshots.put(replace(new, body=b"old", observed_at=after(8)))
        assert await tx.snapshots.get(cluster.id) == new


async def test_a_second_host_cannot_overwrite_the_state_of_the_first(database: Database) -> None:
    cluster = await add_cluster(database)
    first = StoredState(
        cluster_id=cluster.id, organization_id=cluster.organization_id, body=b"a", version=1, stored_at=NOW
    )
    second = replace(first, body=b"b", version=2)
    async with database.tenant(cluster.organization_id) as tx:
        assert not await tx.snapshots.put_state(second)
        assert await tx.snapshots.put_state(first)
        assert not await tx.snapshots.put_state(first)
        assert await tx.snapshots.put_state(second)
        assert not await tx.snapshots.put_state(replace(second, body=b"stale"))
        assert await tx.snapshots.get_state(cluster.id) == second


async def test_deleting_a_cluster_takes_what_belongs_to_it(database: Database) -> None:
    cluster = await add_cluster(database)
    key = make_key(cluster, "k")
    async with database.platform() as tx:
        await tx.api_keys.create(key, make_sealed(key))
        await tx.clusters.beat([beat(cluster, 1)])
        assert await tx.clusters.delete(cluster.id)
        assert await tx.api_keys.find(digest("k")) is None
        assert await tx.clusters.get(cluster.id) is None
