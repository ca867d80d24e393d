"""A scout looks into many accounts at once: none stops the others, and none is looked into twice at the same time."""

import asyncio
from uuid import UUID

import pytest

from actors.accounts.actor import AccountScout
from actors.services import Services
from domain.errors import TransientError

ORGANIZATION, SHOP, BOOKS = UUID(int=1), UUID(int=2), UUID(int=3)


class HandDiscoverer:
    """Looks when the test lets it."""

    def __init__(self) -> None:
        self.begun: list[UUID] = []
        self.may_end = asyncio.Event()
        self.failing: set[UUID] = set()

    async def look(self, organization_id: UUID, account_id: UUID) -> str:
        self.begun.append(account_id)
        await self.may_end.wait()
        if account_id in self.failing:
            raise TransientError("the database is away")
        return "1 clusters"


@pytest.fixture
def discoverer() -> HandDiscoverer:
    return HandDiscoverer()


@pytest.fixture
def scout(discoverer: HandDiscoverer) -> AccountScout:
    made = AccountScout()
    made._services = Services.__new__(Services)
    made._discoverer = discoverer  # type: ignore[assignment]
    return made


async def test_one_account_that_fails_does_not_stop_the_others(scout: AccountScout, discoverer: HandDiscoverer) -> None:
    discoverer.failing = {SHOP}
    discoverer.may_end.set()
    said = await scout.look([(ORGANIZATION, SHOP), (ORGANIZATION, BOOKS)])
    assert said == {SHOP: "failed: the database is away", BOOKS: "1 clusters"}


async def test_a_look_under_way_is_waited_for_and_not_begun_again(
    scout: AccountScout, discoverer: HandDiscoverer
) -> None:
    looks = [asyncio.create_task(scout.look([(ORGANIZATION, SHOP)])) for _ in range(2)]
    await asyncio.sleep(0)
    while not discoverer.begun:
        await asyncio.sleep(0)
    discoverer.may_end.set()
    assert await asyncio.gather(*looks) == [{SHOP: "1 clusters"}] * 2
    assert discoverer.begun == [SHOP]
    await scout.look([(ORGANIZATION, SHOP)])
    assert discoverer.begun == [SHOP, SHOP]


async def test_who_gives_up_waiting_does_not_end_the_look(scout: AccountScout, discoverer: HandDiscoverer) -> None:
    first = asyncio.create_task(scout.look([(ORGANIZATION, SHOP)]))
    while not discoverer.begun:
        await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    second = asyncio.create_task(scout.look([(ORGANIZATION, SHOP)]))
    await asyncio.sleep(0)
    discoverer.may_end.set()
    assert await second == {SHOP: "1 clusters"}
    assert discoverer.begun == [SHOP]
