"""The twin does with sagas what any database must do."""

from tests.unit.postgres.contract_saga import *  # noqa: F403
