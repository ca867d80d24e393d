"""PostgreSQL does what any database must do."""

from tests.unit.postgres.contract_fleet import *  # noqa: F403
from tests.unit.postgres.contract_fleets import *  # noqa: F403
from tests.unit.postgres.contract_platform import *  # noqa: F403
from tests.unit.postgres.contract_tenancy import *  # noqa: F403
from tests.unit.postgres.contract_work import *  # noqa: F403
