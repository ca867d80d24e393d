"""A platform for each test."""

from collections.abc import AsyncIterator

import pytest

from tests.unit.scoring.world import ScoringWorld, scoring_world


@pytest.fixture
async def world() -> AsyncIterator[ScoringWorld]:
    async with scoring_world() as made:
        yield made
