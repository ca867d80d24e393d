"""What any database does with what AWS has shown."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from adapters.postgres.ids import new_id
from adapters.postgres.ports import Database
from adapters.postgres.ports.market import MarketAge, MarketSource, PricePoint, Rate
from adapters.postgres.ports.sites import AccountLook, SeenCluster
from domain.errors import InvariantError
from domain.fleet import Account, AccountStatus
from domain.tenancy import Organization
from tests.unit.postgres.builders import NOW, POOL, add_cluster, add_organization, after


async def add_account(database: Database, organization: Organization, **fields: Any) -> Account:
    defaults: dict[str, Any] = {
        "id": new_id(),
        "organization_id": organization.id,
        "aws_account_id": "111111111111",
        "role_arn": "arn:aws:iam::111111111111:role/spot-optimizer",
        "external_id": f"external-{new_id()}",
        "status": AccountStatus.ACTIVE,
        "created_at": NOW,
        "updated_at": NOW,
    }
    account = Account(**(defaults | fields))
    async with database.tenant(organization.id) as tx:
        await tx.accounts.create(account)
    return account


def seen(account: Account, **fields: Any) -> SeenCluster:
    defaults: dict[str, Any] = {
        "account_id": account.id,
        "organization_id": account.organization_id,
        "region": "us-east-1",
        "name": "web",
        "arn": "arn:aws:eks:us-east-1:111111111111:cluster/web",
        "status": "ACTIVE",
        "kubernetes_version": "1.33",
        "endpoint": "https://web.example.com",
        "vpc_id": "vpc-1",
        "zone_ids": {"us-east-1a": "use1-az6"},
        "node_count": 3,
        "spot_count": 1,
        "body": b"{}",
        "seen_at": NOW,
    }
    return SeenCluster(**(defaults | fields))


async def test_what_an_account_shows_is_kept_and_replaced(database: Database) -> None:
    organization = await add_organization(database)
    account = await add_account(database, organization)
    tried = ({"action": "ec2:DescribeInstances", "need": "see", "why": "…", "answer": "granted", "detail": ""},)
    first = AccountLook(account_id=account.id, organization_id=organization.id, verified_at=NOW, permissions=tried)
    later = replace(first, looked_at=after(60), blind={"eu-west-1": "no answer"}, changes={"added": 1}, warnings=("w",))
    async with database.tenant(organization.id) as tx:
        assert await tx.sites.look(account.id) is None
        for look in (first, later):
            await tx.sites.put_look(look)
            assert await tx.sites.look(account.id) == look
        assert await tx.sites.looks(organization.id) == (later,)


async def test_of_an_account_that_is_gone_nothing_is_kept(database: Database) -> None:
    organization = await add_organization(database)
    account = await add_account(database, organization)
    look = AccountLook(account_id=account.id, organization_id=organization.id, looked_at=NOW)
    async with database.tenant(organization.id) as tx:
        await tx.sites.put_look(look)
        await tx.sites.put_clusters(account.id, [seen(account)], blind=(), now=NOW)
        assert await tx.accounts.delete(account.id)
    async with database.tenant(organization.id) as tx:
        await tx.sites.put_look(look)
        await tx.sites.put_clusters(account.id, [seen(account)], blind=(), now=NOW)
        assert await tx.sites.look(account.id) is None
        assert await tx.sites.clusters(account.id) == ()


async def test_clusters_that_are_no_longer_found_go_but_not_those_of_blind_regions(database: Database) -> None:
    organization = await add_organization(database)
    account = await add_account(database, organization)
    here, there, old = seen(account), seen(account, region="eu-west-1"), seen(account, name="old")
    again = replace(here, seen_at=after(300), node_count=5)
    async with database.tenant(organization.id) as tx:
        assert await tx.sites.put_clusters(account.id, [here, there, old], blind=(), now=NOW) == 0
        assert await tx.sites.put_clusters(account.id, [again], blind=["eu-west-1"], now=after(300)) == 1
        assert await tx.sites.clusters(account.id) == (there, again)


async def test_found_clusters_are_listed_with_the_cluster_that_they_are_connected_as(database: Database) -> None:
    organization = await add_organization(database)
    account = await add_account(database, organization)
    cluster = await add_cluster(database, organization, name="web", region="us-east-1", account_id=account.id)
    async with database.tenant(organization.id) as tx:
        found = [seen(account), seen(account, name="other")]
        await tx.sites.put_clusters(account.id, found, blind=(), now=NOW)
        other, web = await tx.sites.of_organization(organization.id)
        assert (other.name, other.cluster_id) == ("other", None)
        assert (web.name, web.cluster_id, web.aws_account_id) == ("web", cluster.id, "111111111111")
        assert await tx.sites.of_cluster(cluster.id) == (account, found[0])
        assert await tx.sites.of_cluster(new_id()) is None
        assert [match.cluster_id for match in await tx.sites.connected(account.id)] == [cluster.id]


async def test_a_connected_cluster_takes_over_what_was_found_of_it_once(database: Database) -> None:
    organization = await add_organization(database)
    account = await add_account(database, organization)
    cluster = await add_cluster(database, organization, name="web", region="us-east-1", account_id=account.id)
    async with database.tenant(organization.id) as tx:
        await tx.sites.put_clusters(account.id, [seen(account)], blind=(), now=NOW)
        assert await tx.sites.adopt(account.id, now=after(1)) == 1
        assert await tx.sites.adopt(account.id, now=after(2)) == 0
        told = await tx.clusters.get(cluster.id)
    assert told is not None
    assert (told.vpc_id, told.endpoint, told.kubernetes_version) == ("vpc-1", "https://web.example.com", "1.33")
    assert told.zone_ids["us-east-1a"] == "use1-az6"


async def test_a_cluster_without_an_account_is_linked_once(database: Database) -> None:
    organization = await add_organization(database)
    account = await add_account(database, organization)
    cluster = await add_cluster(database, organization, name="web", region="us-east-1")
    async with database.tenant(organization.id) as tx:
        await tx.sites.put_clusters(account.id, [seen(account)], blind=(), now=NOW)
        assert await tx.sites.connected(account.id) == ()
        assert [match.cluster_id for match in await tx.sites.unlinked(account.id)] == [cluster.id]
        assert await tx.sites.link(cluster.id, account.id, now=after(1))
        assert not await tx.sites.link(cluster.id, account.id, now=after(2))
        assert await tx.sites.unlinked(account.id) == ()


async def test_nobody_sees_what_was_found_in_accounts_of_others(database: Database) -> None:
    organization, stranger = await add_organization(database), await add_organization(database)
    account = await add_account(database, organization)
    look = AccountLook(account_id=account.id, organization_id=organization.id, looked_at=NOW)
    async with database.tenant(organization.id) as tx:
        await tx.sites.put_look(look)
        await tx.sites.put_clusters(account.id, [seen(account)], blind=(), now=NOW)
    async with database.tenant(stranger.id) as tx:
        assert await tx.sites.look(account.id) is None
        assert await tx.sites.clusters(account.id) == ()
        assert await tx.sites.of_organization(organization.id) == ()
        assert await tx.sites.put_clusters(account.id, [], blind=(), now=after(9)) == 0
        assert not await tx.accounts.set_role(account.id, "arn:aws:iam::111111111111:role/mine", now=after(9))


async def test_the_role_of_an_account_is_changed(database: Database) -> None:
    organization = await add_organization(database)
    account = await add_account(database, organization)
    async with database.tenant(organization.id) as tx:
        assert await tx.accounts.set_role(account.id, "arn:aws:iam::111111111111:role/other", now=after(1))
        changed = await tx.accounts.get(account.id)
    assert changed == replace(account, role_arn="arn:aws:iam::111111111111:role/other", updated_at=after(1))


async def test_an_organisation_may_skip_being_led_in(database: Database) -> None:
    organization, stranger = await add_organization(database), await add_organization(database)
    async with database.tenant(organization.id) as tx:
        assert not await tx.organizations.has_skipped_onboarding(organization.id)
        assert await tx.organizations.skip_onboarding(organization.id, NOW)
        assert not await tx.organizations.skip_onboarding(organization.id, after(1))
        assert await tx.organizations.has_skipped_onboarding(organization.id)
    async with database.tenant(stranger.id) as tx:
        assert not await tx.organizations.has_skipped_onboarding(organization.id)


async def test_the_last_price_of_each_pool_is_remembered(database: Database) -> None:
    other = replace(POOL, zone_id="use1-az2")
    points = [
        PricePoint(pool=POOL, at=NOW, micro_usd_per_h=30_000),
        PricePoint(pool=POOL, at=after(300), micro_usd_per_h=31_000),
        PricePoint(pool=other, at=NOW, micro_usd_per_h=29_000),
    ]
    async with database.platform() as tx:
        assert await tx.market.append(points) == 3
        assert await tx.market.append(points) == 0
        assert await tx.market.last("us-east-1", since=NOW) == (points[1], points[2])
        assert await tx.market.last("us-east-1", since=after(100)) == (points[1],)
        assert await tx.market.last("eu-west-1", since=NOW) == ()


async def test_a_failed_try_leaves_the_time_at_which_figures_were_last_had(database: Database) -> None:
    had = MarketAge(region="us-east-1", source=MarketSource.SPOT, had_at=NOW, tried_at=NOW)
    failed = replace(had, had_at=None, tried_at=after(300), problem="throttled")
    async with database.platform() as tx:
        await tx.market.note([had])
        await tx.market.note([failed])
        assert await tx.market.ages() == (replace(failed, had_at=NOW),)


async def test_regions_in_use_are_those_of_clusters_connected_or_found(database: Database) -> None:
    organization = await add_organization(database)
    account = await add_account(database, organization)
    await add_cluster(database, organization, region="eu-central-1")
    async with database.platform() as tx:
        await tx.sites.put_clusters(account.id, [seen(account, region="us-west-2")], blind=(), now=NOW)
        assert await tx.market.regions_in_use() == ("eu-central-1", "us-west-2")


async def test_figures_of_the_market_are_for_the_platform(database: Database) -> None:
    organization = await add_organization(database)
    async with database.tenant(organization.id) as tx:
        with pytest.raises(InvariantError, match="platform"):
            await tx.market.append([PricePoint(pool=POOL, at=NOW, micro_usd_per_h=1)])


LATER = timedelta(days=1)
RATE = Rate(
    region=POOL.region,
    instance_type=POOL.instance_type,
    bucket=1,
    probability_per_month=0.075,
    saving_percent=60,
    as_of=date(2026, 6, 1),
)


async def test_prices_and_rates_that_are_put_are_read_back(database: Database, known_types: None) -> None:
    async with database.platform() as tx:
        await tx.market.put_on_demand("us-east-1", {"m5.large": 96_000}, as_of=RATE.as_of)
        await tx.market.put_on_demand("us-east-1", {"m5.large": 97_000}, as_of=RATE.as_of + LATER)
        await tx.market.put_spot("us-east-1", {("m5.large", "use1-az1"): 31_000}, as_of=RATE.as_of)
        assert await tx.market.on_demand("us-east-1") == {"m5.large": 97_000}
        await tx.market.put_rates([RATE])
        changed = replace(RATE, bucket=2, probability_per_month=0.125, as_of=RATE.as_of + LATER)
        await tx.market.put_rates([changed])
        assert await tx.market.rates("us-east-1") == (changed,)
