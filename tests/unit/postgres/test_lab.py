"""The twin does with the lab's records what any database must do."""

from tests.unit.postgres.contract_lab import *  # noqa: F403
