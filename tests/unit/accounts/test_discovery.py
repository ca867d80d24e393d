"""Discovery of an account over twins: what is stored, told and left alone, and what happens when it fails."""

import base64
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest

from actors.accounts.discovery import Discoverer
from actors.accounts.jobs import Rounds
from actors.accounts.sites import DiscoveredSites, role_of
from actors.services import Services
from adapters.aws.memory import MemoryAccountAccess, MemoryAws, MemoryDiscovery
from adapters.aws.ports.discovery import FoundCluster
from adapters.clock import VirtualClock
from adapters.postgres.memory import MemoryDatabase
from adapters.postgres.ports.sites import AccountLook
from adapters.redis import keys
from adapters.redis.hub import memory_hub
from adapters.redis.ports import Message
from adapters.settings import load_keys, load_settings
from domain.delta import ObjectSet
from domain.errors import RejectedError, TransientError
from domain.fleet import Account, AccountStatus, Cluster, ClusterStatus, Instance
from domain.tenancy import Organization
from domain.work import StoredSnapshot
from tests.unit.aws.builders import REGION, ZONES, make_cluster, make_instance
from tests.unit.postgres.builders import add_cluster, add_organization
from tests.unit.postgres.contract_aws import add_account

AWS_ACCOUNT = "111111111111"
NODE = "i-00000000000000001"


class Setting:
    """Two customers' accounts over twins."""

    def __init__(self, folder: Path) -> None:
        self.clock = VirtualClock(datetime(2026, 11, 23, 12, tzinfo=UTC))
        self.discovery = MemoryDiscovery(self.clock, {}, zones={REGION: ZONES})
        key = base64.b64encode(bytes(32)).decode()
        settings = load_settings({"data_dir": folder, "session_keys": key, "encryption_keys": key})
        self.services = Services(
            settings=settings,
            keys=load_keys(settings),
            clock=self.clock,
            database=MemoryDatabase(),
            hub=memory_hub(self.clock),
            aws=MemoryAws(self.clock, accounts=MemoryAccountAccess(), discovery=self.discovery),
        )
        self.discoverer = Discoverer(self.services)
        self.looked: list[UUID] = []
        self.organization: Organization
        self.account: Account

    async def look(self, accounts: Sequence[Account]) -> dict[UUID, str]:
        """Scouts of this process."""
        self.looked += [account.id for account in accounts]
        return {one.id: await self.discoverer.look(one.organization_id, one.id) for one in accounts}

    async def look_now(self) -> str:
        return await self.discoverer.look(self.organization.id, self.account.id)

    def holds(self, *clusters: FoundCluster) -> None:
        self.discovery.clusters[self.account.aws_account_id] = clusters

    async def status(self) -> tuple[AccountStatus, str]:
        async with self.services.database.tenant(self.organization.id) as tx:
            account = await tx.accounts.get(self.account.id)
        assert account is not None
        return account.status, account.status_reason

    async def shown(self) -> AccountLook:
        async with self.services.database.tenant(self.organization.id) as tx:
            look = await tx.sites.look(self.account.id)
        assert look is not None
        return look

    async def instances(self, cluster: Cluster) -> tuple[Instance, ...]:
        async with self.services.database.tenant(self.organization.id) as tx:
            return await tx.clusters.instances(cluster.id)

    async def connect(self, **fields: Any) -> Cluster:
        wanted = {"name": "shop", "region": REGION, "account_id": self.account.id} | fields
        return await add_cluster(self.services.database, self.organization, **wanted)

    async def snapshot(self, cluster: Cluster, provider_id: str) -> None:
        node = {"kind": "Node", "apiVersion": "v1", "metadata": {"name": "n"}, "spec": {"providerID": provider_id}}
        now = self.clock.now()
        stored = StoredSnapshot(
            cluster_id=cluster.id,
            organization_id=self.organization.id,
            body=ObjectSet.of([node]).to_bytes(),
            hash="h",
            observed_at=now,
            stored_at=now,
        )
        async with self.services.database.tenant(self.organization.id) as tx:
            await tx.snapshots.put(stored)

    @asynccontextmanager
    async def told(self) -> AsyncIterator[list[dict[str, Any]]]:
        heard: list[dict[str, Any]] = []
        channel = keys.discovery(str(self.organization.id))
        async with self.services.hub.bus.subscribe(channel) as messages:
            yield heard
            await self.services.hub.bus.publish(channel, b'{"type":"end"}')
            async for item in messages:
                assert isinstance(item, Message)
                message = orjson.loads(item.body)
                if message["type"] == "end":
                    return
                heard.append(message)


@pytest.fixture
async def setting(tmp_path: Path) -> Setting:
    made = Setting(tmp_path)
    made.organization = await add_organization(made.services.database)
    made.account = await add_account(made.services.database, made.organization, status=AccountStatus.SCANNING)
    made.holds(make_cluster(instances=(make_instance(),)))
    return made


async def test_what_is_found_is_stored_and_the_account_is_active(setting: Setting) -> None:
    assert await setting.look_now() == "1 clusters, 1 instances, 1 changes"
    assert await setting.status() == (AccountStatus.ACTIVE, "")
    look = await setting.shown()
    assert (look.looked_at, look.changes) == (setting.clock.now(), {"clusters added": 1})
    async with setting.services.database.tenant(setting.organization.id) as tx:
        (found,) = await tx.sites.of_organization(setting.organization.id)
    assert (found.name, found.node_count, found.spot_count, found.cluster_id) == ("shop", 1, 1, None)


async def test_a_second_look_tells_what_has_changed_since(setting: Setting) -> None:
    await setting.look_now()
    other = make_instance("i-00000000000000002")
    setting.holds(make_cluster(instances=(make_instance(state="stopping"), other)))
    await setting.clock.advance(300)
    await setting.look_now()
    assert (await setting.shown()).changes == {"instances added": 1, "instances changed": 1}
    await setting.clock.advance(300)
    setting.holds()
    await setting.look_now()
    assert (await setting.shown()).changes == {"clusters removed": 1}


async def test_instances_of_connected_clusters_are_kept_with_their_prices(setting: Setting) -> None:
    cluster = await setting.connect()
    await setting.services.hub.prices.put(REGION, {"m6i.large": {"use1-az1": 35_000}})
    await setting.look_now()
    (instance,) = await setting.instances(cluster)
    assert (instance.instance_id, instance.zone_id, instance.price_micro_usd_per_h) == (NODE, "use1-az1", 35_000)
    setting.holds(make_cluster())
    await setting.clock.advance(300)
    await setting.look_now()
    assert await setting.instances(cluster) == ()


async def test_cloudwatch_is_asked_once_an_hour_and_the_last_figure_stays_meanwhile(setting: Setting) -> None:
    cluster = await setting.connect(status=ClusterStatus.PENDING)
    setting.holds(make_cluster(instances=(make_instance(cpu_utilization=0.5),)))
    await setting.look_now()
    setting.holds(make_cluster(instances=(make_instance(cpu_utilization=0.7),)))
    await setting.clock.advance(300)
    await setting.look_now()
    assert [one.cpu_utilization for one in await setting.instances(cluster)] == [0.5]
    await setting.clock.advance(3_300)
    await setting.look_now()
    assert [one.cpu_utilization for one in await setting.instances(cluster)] == [0.7]


async def test_cloudwatch_is_not_asked_about_clusters_whose_agent_measures(setting: Setting) -> None:
    cluster = await setting.connect(status=ClusterStatus.ACTIVE)
    await setting.look_now()
    setting.holds(make_cluster(instances=(make_instance(cpu_utilization=0.5),)))
    await setting.clock.advance(3_600)
    await setting.look_now()
    assert [one.cpu_utilization for one in await setting.instances(cluster)] == [None]


async def test_a_revoked_role_fails_its_account_with_the_reason_and_the_others_go_on(setting: Setting) -> None:
    other = await add_account(
        setting.services.database,
        setting.organization,
        aws_account_id="222222222222",
        role_arn="arn:aws:iam::222222222222:role/spot-optimizer",
    )
    setting.discovery.clusters = {"222222222222": (make_cluster(),)}
    said = await Rounds(setting.services, setting).all(setting.clock.now())
    assert said.startswith("looked into 2 accounts, 1 in vain")
    status, reason = await setting.status()
    assert status is AccountStatus.FAILED
    assert "does not let us in" in reason
    async with setting.services.database.tenant(setting.organization.id) as tx:
        active = await tx.accounts.get(other.id)
        assert [one.account_id for one in await tx.sites.of_organization(setting.organization.id)] == [other.id]
    assert active is not None
    assert active.status is AccountStatus.ACTIVE


async def test_an_account_that_cannot_be_seen_just_now_keeps_what_was_known(setting: Setting) -> None:
    await setting.look_now()
    real = setting.discovery.discover

    async def away(*_: object, **__: object) -> None:
        raise TransientError("throttled")

    setting.discovery.discover = away  # type: ignore[assignment, method-assign]
    assert await setting.look_now() == "could not be seen: throttled"
    assert await setting.status() == (AccountStatus.ACTIVE, "")
    assert (await setting.shown()).problem == "throttled"
    setting.discovery.discover = real  # type: ignore[method-assign]
    await setting.look_now()
    assert (await setting.shown()).problem == ""


async def test_clusters_of_a_blind_region_stay_as_they_were(setting: Setting) -> None:
    await setting.look_now()
    setting.discovery.blind = {REGION: "no answer"}
    await setting.clock.advance(300)
    await setting.look_now()
    look = await setting.shown()
    assert (look.blind, look.changes) == ({REGION: "no answer"}, {})
    async with setting.services.database.tenant(setting.organization.id) as tx:
        assert len(await tx.sites.clusters(setting.account.id)) == 1


async def test_failed_accounts_are_tried_again_once_an_hour(setting: Setting) -> None:
    async with setting.services.database.tenant(setting.organization.id) as tx:
        await tx.accounts.set_status(setting.account.id, AccountStatus.FAILED, reason="x", now=setting.clock.now())
    rounds = Rounds(setting.services, setting)
    await rounds.all(setting.clock.now().replace(minute=5))
    assert setting.looked == []
    await rounds.all(setting.clock.now())
    assert await setting.status() == (AccountStatus.ACTIVE, "")


async def test_a_new_account_is_looked_into_soon_and_once(setting: Setting) -> None:
    rounds = Rounds(setting.services, setting)
    assert await rounds.new(setting.clock.now()) == "looked into 1 accounts"
    assert await rounds.new(setting.clock.now()) == ""
    assert setting.looked == [setting.account.id]


async def test_pages_are_told_how_far_it_is_and_how_it_ended(setting: Setting) -> None:
    async with setting.told() as heard:
        await setting.look_now()
    assert [message["type"] for message in heard][-1] == "ended"
    assert heard[-1] == {
        "account_id": str(setting.account.id),
        "type": "ended",
        "status": "active",
        "reason": "",
        "clusters": 1,
        "instances": 1,
    }
    assert heard[-2]["phase"] == "done"
    assert heard[-2]["done"] == heard[-2]["total"]


async def test_a_cluster_known_by_its_agent_alone_is_linked_when_a_node_of_it_is_found(setting: Setting) -> None:
    cluster = await setting.connect(account_id=None)
    await setting.snapshot(cluster, f"aws:///us-east-1a/{NODE}")
    await setting.look_now()
    site = await DiscoveredSites(setting.services.database).site(setting.organization.id, cluster.id)
    assert (site.place.region, site.place.role) == (REGION, role_of(setting.account))
    assert len(await setting.instances(cluster)) == 1


async def test_a_cluster_of_the_same_name_elsewhere_is_not_linked(setting: Setting) -> None:
    cluster = await setting.connect(account_id=None)
    await setting.snapshot(cluster, "aws:///us-east-1a/i-0ffffffffffffffff")
    await setting.look_now()
    with pytest.raises(RejectedError, match="not found in any linked AWS account"):
        await DiscoveredSites(setting.services.database).site(setting.organization.id, cluster.id)


async def test_a_site_tells_where_a_cluster_is_until_its_account_fails(setting: Setting) -> None:
    cluster = await setting.connect()
    await setting.look_now()
    sites = DiscoveredSites(setting.services.database)
    site = await sites.site(setting.organization.id, cluster.id)
    assert site.found.name == "shop"
    assert [one.id for one in site.found.instances] == [NODE]
    with pytest.raises(RejectedError, match="not found"):
        await sites.site(UUID(int=5), cluster.id)
    setting.discovery.clusters = {}
    await setting.look_now()
    with pytest.raises(RejectedError, match="does not let us in"):
        await sites.site(setting.organization.id, cluster.id)


async def test_an_account_that_was_disconnected_meanwhile_is_left_alone(setting: Setting) -> None:
    async with setting.services.database.tenant(setting.organization.id) as tx:
        await tx.accounts.delete(setting.account.id)
    assert await setting.look_now() == "the account is gone"
    setting.account = replace(setting.account, id=UUID(int=7))
    assert await setting.look_now() == "the account is gone"
