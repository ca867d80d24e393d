"""PostgreSQL does with the lab's records what any database must do."""

import asyncpg
import pytest

from tests.unit.postgres.contract_lab import *  # noqa: F403

EMPTY = "DELETE FROM lab_experiments; DELETE FROM ml_models; DELETE FROM risk_states;"


@pytest.fixture(autouse=True)
async def _no_models(owner: "asyncpg.Connection[asyncpg.Record]") -> None:
    await owner.execute(EMPTY)
