"""The twin does with what AWS has shown what any database must do."""

import pytest

from tests.unit.postgres.contract_aws import *  # noqa: F403


@pytest.fixture
def known_types() -> None:
    """The twin takes every type for known."""
