"""All of AWS inside one process."""

from collections.abc import Mapping

from adapters.aws.memory.accounts import MemoryAccountAccess
from adapters.aws.memory.discovery import MemoryDiscovery
from adapters.aws.memory.executor import MemoryCloud, MemoryExecutor
from adapters.aws.memory.prices import MemoryPriceSource
from adapters.aws.ports.access import Place
from adapters.clock import Clock


class MemoryAws:
    """AWS as it is told: no account lets us in before a test says so.

    Parameters
    ----------
    clouds
        What runs where; other places are empty.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        accounts: MemoryAccountAccess | None = None,
        discovery: MemoryDiscovery | None = None,
        prices: MemoryPriceSource | None = None,
        clouds: Mapping[Place, MemoryCloud] | None = None,
    ) -> None:
        self._clock = clock
        self.accounts = accounts or MemoryAccountAccess()
        self.discovery = discovery or MemoryDiscovery(clock, {})
        self.prices = prices or MemoryPriceSource({})
        self.clouds = dict(clouds or {})

    def executor(self, place: Place) -> MemoryExecutor:
        """Changes in one account and region."""
        return MemoryExecutor(self.clouds.setdefault(place, MemoryCloud()), self._clock)
