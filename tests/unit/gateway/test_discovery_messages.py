"""What `/api/connect/stream` says is in the words of its schema, which the description lists."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import orjson
import pytest

from actors.accounts.telling import Teller
from adapters.aws.ports.discovery import Phase, Progress
from domain.fleet import AccountStatus
from serve.gateway.openapi import describe
from serve.schemas.messages import DiscoveryMessage
from serve.sockets.connection import Connection
from serve.sockets.discovery import follow_discovery
from tests.unit.gateway.house import House, house

AWS_ACCOUNT = "111122223333"


@pytest.fixture
async def spot() -> AsyncIterator[House]:
    async with house(aws_account_id="999999999999") as made:
        yield made


class Page(Connection):
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def put(self, text: str) -> None:
        self.told.append(text)


async def test_a_page_hears_how_accounts_stand_then_steps_then_the_end_in_the_words_of_the_schema(spot: House) -> None:
    owner = await spot.somebody()
    assert owner.home is not None
    invited = await spot.http.post("/api/connect/link", json={"aws_account_id": AWS_ACCOUNT}, headers=owner.headers)
    page = Page()
    following = asyncio.create_task(follow_discovery(spot.gateway, owner.home, page))
    await spot.clock.advance(0)
    account = UUID(invited.json()["account_id"])
    teller = Teller(spot.hub.bus, spot.clock, organization_id=owner.home, account_id=account)
    async with teller.telling():
        teller.step(Progress(account_id=AWS_ACCOUNT, region="us-east-1", phase=Phase.CLUSTERS, done=1, total=15))
    await teller.ended(AccountStatus.ACTIVE, clusters=2, instances=9)
    await spot.clock.advance(0)
    following.cancel()
    for text in page.told:
        DiscoveryMessage.model_validate_json(text)
    said = [orjson.loads(text) for text in page.told]
    assert [one["type"] for one in said] == ["ready", "account", "progress", "ended"]
    assert {one["account_id"] for one in said[1:]} == {str(account)}


def test_the_description_lists_every_message() -> None:
    schemas = describe()["components"]["schemas"]
    kinds = schemas["DiscoveryMessage"]["discriminator"]["mapping"]
    assert kinds.keys() == {"ready", "account", "progress", "ended", "ping", "pong"}
    assert all(reference.rsplit("/", 1)[1] in schemas for reference in kinds.values())
