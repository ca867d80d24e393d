"""A replica's own copy of the flags of capacity pools: what is asked often is answered without leaving the process."""

from adapters.clock import Clock
from adapters.redis.ports import Message, RiskFlag, RiskKeys
from adapters.redis.wire import parse_change
from domain.market import Pool


class RiskCopy:
    """Flags by pool: read whole at the start and after each gap, kept by messages in between.

    The subscription is open before a whole read begins, so a change that comes during the read waits in its queue and
    is applied after it.
    """

    def __init__(self, risk: RiskKeys, clock: Clock) -> None:
        self._risk = risk
        self._clock = clock
        self._flags: dict[Pool, RiskFlag] = {}

    async def resync(self) -> None:
        """Read all flags anew."""
        self._flags = {flag.pool: flag for flag in await self._risk.list_all()}

    def apply(self, message: Message) -> None:
        """Take over one change."""
        change = parse_change(message.body)
        if change.flag is None:
            self._flags.pop(change.pool, None)
        else:
            self._flags[change.pool] = change.flag

    def flag_of(self, pool: Pool) -> RiskFlag | None:
        """The flag of a pool, if it has one now."""
        flag = self._flags.get(pool)
        return flag if flag is not None and flag.until > self._clock.now() else None

    def flags(self) -> tuple[RiskFlag, ...]:
        """All flags that hold now, by pool. Those that have ended are forgotten."""
        now = self._clock.now()
        self._flags = {pool: flag for pool, flag in self._flags.items() if flag.until > now}
        return tuple(self._flags[pool] for pool in sorted(self._flags))
