"""All of AWS together, with limits in Redis: one account from its link to a launch in it."""

import asyncio
from collections.abc import Iterator
from contextlib import aclosing

import pytest

from adapters.aws.discovery.launching import launch_base
from adapters.aws.hub import BotoAws
from adapters.aws.ports.access import Place, Role
from adapters.aws.ports.executor import ClusterRef, Done, LaunchOrder
from adapters.clock import SystemClock
from adapters.embedded.folder import DataFolder
from demo.aws import fill
from demo.aws.fill import Customer
from domain.market import Pool
from tests.integration.aws.conftest import ACCOUNT, Here, own_session
from tests.integration.redis.conftest import Server
from tests.unit.aws.builders import REGION, Allowing


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with DataFolder(tmp_path_factory.mktemp("hub") / "data") as held:
        server = Server(held)
        asyncio.run(server.start())
        yield server
        asyncio.run(server.stop())


async def test_an_account_is_linked_seen_and_launched_in(here: Here, owner: Customer, server: Server) -> None:
    fill.add_cluster(owner, REGION, "shop", nodes=2)
    opened = BotoAws(server.url, SystemClock(), service_account_id="9" * 12, endpoint_url=here.url, own=own_session)
    async with aclosing(opened) as aws:
        invited = aws.accounts.invite(ACCOUNT)
        here.world.external_ids[invited.role_arn] = invited.external_id
        role = Role(arn=invited.role_arn, external_id=invited.external_id)
        assert (await aws.accounts.verify(role, regions=[REGION])).missing == ()
        found = await aws.discovery.discover(role, regions=[REGION])
        (cluster,) = found.clusters
        base = launch_base(cluster, "shop-workers")
        pools = [Pool(region=REGION, zone_id=zone_id, instance_type="c6i.large") for zone_id in base.subnets]
        order = LaunchOrder(
            token="a-launch", cluster_id="a-cluster", template=base.template, choices=base.choices(pools), count=1
        )
        executor = aws.executor(Place(role=role, region=REGION))
        outcome = await executor.launch_spot(order, permit=Allowing())
        (launched,) = outcome.answer.launched
        assert launched.pool in pools
        owned = ClusterRef(id="a-cluster", name="shop")
        done = await executor.terminate_instance(launched.instance_id, cluster=owned, permit=Allowing())
        assert done is Done.CHANGED
