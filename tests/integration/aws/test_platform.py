"""AWS in the platform, from a link to prices: moto, PostgreSQL, Redis and the gateway are real, Ray is left out."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest
from websockets.asyncio.client import ClientConnection, connect

from actors.accounts.actor import AccountScout
from actors.accounts.discovery import Discoverer
from actors.accounts.jobs import Rounds
from actors.accounts.sites import DiscoveredSites
from actors.prices.actor import MarketKeeper
from actors.prices.service import MarketService
from actors.services import Services
from adapters.aws.discovery.launching import launch_base
from adapters.aws.hub import BotoAws
from adapters.aws.ports.access import Role
from adapters.clock import SystemClock
from adapters.embedded.folder import DataFolder
from adapters.postgres.pool import PoolSettings, PostgresDatabase
from adapters.postgres.seed import seed
from adapters.redis.connection import connect as connect_redis
from adapters.redis.hub import redis_hub
from adapters.redis.keys import spot_prices
from demo.aws import fill
from demo.aws.fill import Customer, customer
from demo.aws.requests import ADVISOR_PATH
from domain.fleet import Account, Lifecycle
from tests.integration.aws.conftest import ACCOUNT, Here, own_session
from tests.integration.conftest import PostgresServer
from tests.integration.gateway.conftest import LiveHouse, house_of
from tests.integration.redis.conftest import Server
from tests.unit.aws.builders import REGION
from tests.unit.gateway.house import KEYS, Somebody, make_settings

OTHER = "222222222222"
DEADLINE_S = 60


class Scouts:
    """Scouts of this process."""

    def __init__(self, services: Services) -> None:
        self._discoverer = Discoverer(services)

    async def look(self, accounts: Sequence[Account]) -> dict[UUID, str]:
        looks = (self._discoverer.look(one.organization_id, one.id) for one in accounts)
        return dict(zip((one.id for one in accounts), await asyncio.gather(*looks), strict=True))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with DataFolder(tmp_path_factory.mktemp("platform") / "data") as held:
        server = Server(held)
        asyncio.run(server.start())
        yield server
        asyncio.run(server.stop())


@pytest.fixture
def database_url(postgres_server: PostgresServer) -> str:
    return postgres_server.create()


@pytest.fixture
async def live(here: Here, server: Server, database_url: str) -> AsyncIterator[LiveHouse]:
    clock = SystemClock()
    settings = make_settings(public_url="", aws_account_id="999999999999")
    database = await PostgresDatabase.connect(database_url, PoolSettings(connections=4))
    await seed(database, now=clock.now())
    opened = BotoAws(
        server.url,
        clock,
        service_account_id=settings.aws_account_id,
        endpoint_url=here.url,
        advisor_url=f"{here.url}{ADVISOR_PATH}",
        own=own_session,
    )
    async with redis_hub(server.url, clock) as hub, aclosing(opened) as aws:
        services = Services(settings=settings, keys=KEYS, clock=clock, database=database, hub=hub, aws=aws)
        async with house_of(services) as made:
            yield made
    await database.close()


async def asked(live: LiveHouse, method: str, path: str, who: Somebody, body: object = None) -> Any:
    answer = await live.http.request(method, f"/api{path}", json=body, headers=who.headers)
    assert answer.status_code < 300, answer.text
    return answer.json() if answer.content else None


async def linked(live: LiveHouse, here: Here, owner: Somebody, account: str) -> dict[str, Any]:
    """An account whose role lets us in by its external id alone, verified."""
    invited: dict[str, Any] = await asked(live, "POST", "/connect/link", owner, {"aws_account_id": account})
    here.world.external_ids[invited["role_arn"]] = invited["external_id"]
    verified = await asked(live, "POST", "/connect/verify", owner, {"account_id": invited["account_id"]})
    assert (verified["lets_in"], verified["may_act"], verified["account"]["missing"]) == (True, True, [])
    assert verified["account"]["status"] == "scanning"
    return invited


async def until_ended(socket: ClientConnection) -> list[dict[str, Any]]:
    """What the stream says until a discovery has ended."""
    heard: list[dict[str, Any]] = []
    async with asyncio.timeout(DEADLINE_S):
        while not heard or heard[-1]["type"] != "ended":
            heard.append(orjson.loads(await socket.recv()))
    return heard


async def test_an_account_is_linked_verified_discovered_priced_and_its_failure_told(
    live: LiveHouse, here: Here, owner: Customer, server: Server
) -> None:
    services, member = live.services, await live.somebody()
    filled = fill.add_cluster(owner, REGION, "shop", nodes=2)
    fill.add_cluster(customer(here.url, OTHER), REGION, "books", nodes=1)
    rounds = Rounds(services, Scouts(services))

    # Linked and verified, it is looked into soon, and the page is told.
    invited = await linked(live, here, member, ACCOUNT)
    ticket = await asked(live, "POST", "/auth/ws-ticket", member, {"opens": "/api/connect/stream"})
    async with connect(f"{live.sockets_url}/api/connect/stream?ticket={ticket['ticket']}") as socket:
        assert orjson.loads(await socket.recv()) == {"type": "ready"}
        standing = orjson.loads(await socket.recv())
        assert (standing["type"], standing["status"]) == ("account", "scanning")
        assert await rounds.new(services.clock.now()) == "looked into 1 accounts"
        heard = await until_ended(socket)
    assert (heard[-1]["status"], heard[-1]["clusters"], heard[-1]["instances"]) == ("active", 1, 2)
    assert heard[0]["type"] == "progress"

    # What was found is listed, and connected.
    found = await asked(live, "GET", "/clusters/discover", member)
    (shop,) = found["clusters"]
    assert (shop["name"], shop["region"], shop["node_count"], shop["cluster_id"]) == ("shop", REGION, 2, None)
    assert found["accounts"][0]["changes"] == {"clusters added": 1}
    body = {"name": "shop", "region": REGION, "account_id": invited["account_id"]}
    cluster = await asked(live, "POST", "/clusters/connect", member, body)

    # Prices of the region in use, and of no other.
    market = MarketService(services)
    assert await market.refresh() == "prices of 1 regions"
    redis = connect_redis(server.url)
    assert await redis.ttl(spot_prices(REGION, "m5.large")) > 0
    assert [key async for key in redis.scan_iter(spot_prices("eu-west-1", "*"))] == []
    await redis.aclose()
    async with services.database.platform() as tx:
        history = await tx.market.last(REGION, since=services.clock.now() - timedelta(minutes=5))
        assert {age.problem for age in await tx.market.ages()} == {""}
    assert len(history) > 100
    figures = market.figures(REGION)
    assert figures is not None
    assert figures.on_demand_micro_usd
    assert figures.advice

    # The next round fills in what is known of a connected cluster.
    await rounds.all(services.clock.now())
    async with services.database.tenant(UUID(str(member.home))) as tx:
        instances = await tx.clusters.instances(UUID(cluster["id"]))
        stored = await tx.clusters.get(UUID(cluster["id"]))
    assert {one.instance_id for one in instances} == set(filled.members)
    assert all(one.lifecycle is Lifecycle.ON_DEMAND and one.price_micro_usd_per_h for one in instances)
    assert stored is not None
    assert stored.kubernetes_version == "1.33"
    assert stored.zone_ids
    site = await DiscoveredSites(services.database).site(UUID(str(member.home)), UUID(cluster["id"]))
    base = launch_base(site.found, "shop-workers")
    assert base.template.id == filled.template_id
    assert (await services.aws.executor(site.place).group("shop-workers")).size.desired == 2

    # A role that is taken away fails its account with the reason; the others go on.
    other = await linked(live, here, member, OTHER)
    here.world.external_ids[invited["role_arn"]] = "changed by its owner"
    services.aws.accounts.forget(Role(arn=invited["role_arn"], external_id=invited["external_id"]))
    await rounds.all(services.clock.now())
    stands = {one["id"]: one for one in await asked(live, "GET", "/settings/accounts", member)}
    assert stands[invited["account_id"]]["status"] == "failed"
    assert "does not let us in" in stands[invited["account_id"]]["status_reason"]
    assert stands[other["account_id"]]["status"] == "active"
    names = [one["name"] for one in (await asked(live, "GET", "/clusters/discover", member))["clusters"]]
    assert names == ["books", "shop"]

    # Disconnected, all that was found there is forgotten; the cluster stays, watched by its agent alone.
    await asked(live, "DELETE", f"/settings/accounts/{invited['account_id']}", member)
    names = [one["name"] for one in (await asked(live, "GET", "/clusters/discover", member))["clusters"]]
    assert names == ["books"]
    left = await asked(live, "GET", f"/clusters/{cluster['id']}", member)
    assert left["cluster"]["account_id"] is None


async def test_a_scout_and_the_market_open_what_they_need_from_their_environment(
    live: LiveHouse,
    here: Here,
    owner: Customer,
    server: Server,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The actors of Ray, without Ray around them."""
    member = await live.somebody()
    fill.add_cluster(owner, REGION, "shop", nodes=1)
    invited = await linked(live, here, member, ACCOUNT)
    environment = {
        "DATABASE_URL": database_url,
        "REDIS_URL": server.url,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "SPOTOPT_AWS_ENDPOINT_URL": here.url,
        "SPOTOPT_AWS_ADVISOR_URL": f"{here.url}{ADVISOR_PATH}",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    scout, market = AccountScout(), MarketKeeper()
    try:
        account = (UUID(str(member.home)), UUID(invited["account_id"]))
        gone = (UUID(str(member.home)), UUID(int=1))
        said = await scout.look([account, gone, account])
        assert said == {account[1]: "1 clusters, 1 instances, 1 changes", gone[1]: "the account is gone"}
        assert await market.figures(REGION) is None
        assert await market.refresh() == "prices of 1 regions"
        assert await market.figures(REGION) is not None
    finally:
        await scout._connection.close()
        await market._connection.close()
