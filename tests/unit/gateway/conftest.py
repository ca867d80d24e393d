"""A fresh gateway for each test."""

from collections.abc import AsyncIterator

import pytest

from tests.unit.gateway.house import House, house


@pytest.fixture
async def spot() -> AsyncIterator[House]:
    async with house() as made:
        yield made
