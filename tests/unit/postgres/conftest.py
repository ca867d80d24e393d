"""The twin, for the tests that the real database passes as well."""

import pytest

from adapters.postgres.memory import MemoryDatabase
from adapters.postgres.ports import Database


@pytest.fixture
def database() -> Database:
    return MemoryDatabase()
