"""Limits on calls: asked of Redis in lots, so that a busy caller costs one round trip in twenty calls.

A replica draws a lot of calls from the shared limit, hands them out by itself, and draws the next one when it is used
up. The shared window thus counts lots, and every replica may hold one more lot than was used: with a lot of a
thirtieth of the limit and two replicas a limit is exact to about 7 %. Small limits (up to 30) are lots of one call and
exact, and need Redis: nobody signs in without them.
"""

import asyncio
import logging
from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache

from limits import parse

from adapters.clock import Clock
from adapters.redis.ports import RateLimits, Verdict
from adapters.redis.rates import memory_rate_limits
from domain.errors import TransientError

LOTS_PER_WINDOW = 30
REFUSED_S = 1.0
"""How long a refusal is repeated without asking anew."""
AWAY_S = 2.0
"""How long the shared limiter is left alone after it could not be reached."""
MOST_CALLERS = 50_000
"""Callers whose lots are remembered; the one unheard of for longest is forgotten, and with it a few calls."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A limit cut into lots. ``text`` is what the shared limiter is asked, in lots."""

    text: str
    lot: int
    window_s: float
    amount: int


@dataclass(slots=True, kw_only=True)
class _Lot:
    left: int
    drawn_s: float
    lasts_s: float
    verdict: Verdict


class CallLimits:
    """Counts calls per rule and caller."""

    def __init__(self, rates: RateLimits, clock: Clock) -> None:
        self._rates = rates
        self._clock = clock
        self._lots: OrderedDict[tuple[str, str], _Lot] = OrderedDict()
        self._drawing: dict[tuple[str, str], asyncio.Event] = {}
        self._alone = memory_rate_limits()
        self._away_until_s = 0.0

    async def hit(self, limit: str, name: str, who: str) -> Verdict:
        """Count one call.

        Parameters
        ----------
        limit
            Such as ``"600/minute"``.
        name
            Of the rule: ``"user"``.
        who
            Whom it is counted for.
        """
        rule = rule_of(limit)
        if rule.lot == 1:
            return await self._rates.hit(rule.text, name, who)
        key = (name, who)
        while (lot := self._usable(key)) is None:
            await self._draw(rule, key)
        return self._handed_out(lot, rule)

    def _usable(self, key: tuple[str, str]) -> _Lot | None:
        lot = self._lots.get(key)
        if lot is None or self._clock.monotonic() >= lot.drawn_s + lot.lasts_s:
            return None
        return lot if lot.left > 0 or not lot.verdict.allowed else None

    async def _draw(self, rule: Rule, key: tuple[str, str]) -> None:
        """One call draws, the others of the same caller wait for it."""
        if key in self._drawing:
            await self._drawing[key].wait()
            return
        drawn = self._drawing[key] = asyncio.Event()
        try:
            self._put(rule, key, await self._asked(rule, key))
        finally:
            del self._drawing[key]
            drawn.set()

    async def _asked(self, rule: Rule, key: tuple[str, str]) -> Verdict:
        """Ask the shared limiter. While it is away each replica counts alone: an interruption must not wait for it."""
        if self._clock.monotonic() >= self._away_until_s:
            try:
                return await self._rates.hit(rule.text, *key)
            except TransientError as err:
                self._away_until_s = self._clock.monotonic() + AWAY_S
                _logger.warning("limits are counted by each replica alone: %s", err)
        return await self._alone.hit(rule.text, *key)

    def _put(self, rule: Rule, key: tuple[str, str], verdict: Verdict) -> None:
        # A refusal is remembered for a moment only: who waits as told finds that the window has moved on.
        lasts_s = rule.window_s if verdict.allowed else min(REFUSED_S, verdict.resets_in_s)
        left = rule.lot if verdict.allowed else 0
        self._lots[key] = _Lot(left=left, drawn_s=self._clock.monotonic(), lasts_s=max(0.001, lasts_s), verdict=verdict)
        self._lots.move_to_end(key)
        if len(self._lots) > MOST_CALLERS:
            self._lots.popitem(last=False)

    def _handed_out(self, lot: _Lot, rule: Rule) -> Verdict:
        lot.left -= lot.verdict.allowed
        return Verdict(
            allowed=lot.verdict.allowed,
            limit=rule.amount,
            remaining=lot.verdict.remaining * rule.lot + lot.left,
            resets_in_s=max(0.0, lot.verdict.resets_in_s - (self._clock.monotonic() - lot.drawn_s)),
        )


@lru_cache(maxsize=256)
def rule_of(limit: str) -> Rule:
    """A limit in lots.

    Raises
    ------
    ValueError
        The limit cannot be read.
    """
    item = parse(limit)
    lot = max(1, item.amount // LOTS_PER_WINDOW)
    text = f"{item.amount // lot} per {item.multiples} {item.GRANULARITY.name}"
    return Rule(text=text, lot=lot, window_s=float(item.get_expiry()), amount=item.amount)
