"""A world of AWS on loopback, emptied before each test, and our clients in front of it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import botocore.session
import pytest

from adapters.aws.calls import Calls
from adapters.aws.clients import Clients
from adapters.aws.memory.buckets import MemoryBuckets
from adapters.clock import SystemClock
from demo.aws.fill import Customer, customer
from demo.aws.world import World, served

ACCOUNT = "111111111111"


class HurriedClock(SystemClock):
    """Waits no longer than it must: pauses between tries have no meaning here."""

    def __init__(self) -> None:
        self.slept_s = 0.0

    async def sleep(self, seconds: float) -> None:
        self.slept_s += seconds
        await asyncio.sleep(0)

    def monotonic(self) -> float:
        return super().monotonic() + self.slept_s


@dataclass(frozen=True)
class Here:
    """A world and its address."""

    world: World
    url: str


LOADER = botocore.session.Session().get_component("data_loader")


def own_session() -> botocore.session.Session:
    """Our own credentials, from nowhere but here."""
    session = botocore.session.Session()
    session.set_credentials("testing", "testing")
    session.register_component("data_loader", LOADER)
    return session


@pytest.fixture(scope="session")
def address() -> Iterator[Here]:
    world = World()
    with served(world) as url:
        yield Here(world=world, url=url)


@pytest.fixture
def here(address: Here) -> Here:
    """Empty, whatever the test before did to it."""
    address.world.empty()
    fresh = World()
    for name in ("market", "fleets", "external_ids", "denied", "faults", "prefilled", "asked"):
        setattr(address.world, name, getattr(fresh, name))
    return address


@pytest.fixture
def world(here: Here) -> World:
    return here.world


@pytest.fixture
def owner(here: Here) -> Customer:
    return customer(here.url, ACCOUNT)


@pytest.fixture
def clock() -> HurriedClock:
    return HurriedClock()


@pytest.fixture
async def clients(here: Here, clock: HurriedClock) -> AsyncIterator[Clients]:
    calls = Calls(threads=8)
    made = Clients(calls, MemoryBuckets(clock), clock, endpoint_url=here.url, own=own_session)
    yield made
    await calls.aclose()
    made.close()
