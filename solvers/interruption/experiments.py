"""Splits that show what a trained model is worth: rolling origins, a region left out, another year."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from solvers.interruption.boost import Boosting
from solvers.interruption.evaluate import Judged, judge_head
from solvers.interruption.history import History
from solvers.interruption.rows import Table, joined
from solvers.interruption.train import HorizonTask, fit_horizon, training_rows

ORIGINS = (0.5, 0.6, 0.7, 0.8)
"""Shares of the main recording at which training ends and judging begins."""
LATE = 0.6
"""Training of the split that leaves a region out ends here for the other regions too: no shared hour is looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiments:
    """Histories to learn from: the ``main`` one, which is split, and earlier ones, which are used whole."""

    main: Table
    earlier: tuple[Table, ...] = ()
    horizons_h: tuple[int, ...] = (1,)
    boosting: Boosting = field(default_factory=Boosting)

    def rolling(self) -> Iterator[Judged]:
        """Train before each origin, judge all that comes after it."""
        for origin in ORIGINS:
            cut = round(self.main.history.ticks * origin)
            before = Table.of(self.main.history.until(cut))
            for hours in self.horizons_h:
                yield self._judged((before, *self.earlier), hours, self.main, first=cut, name=f"from {origin:.0%} on")

    def region_left_out(self) -> Iterator[Judged]:
        """Train on all other regions, judge the one left out: over all of the time, and late alone."""
        regions = sorted({pool.region for pool in self.main.history.pools})
        if len(regions) < 2:
            return
        late = round(self.main.history.ticks * LATE)
        for region in regions:
            for first, what in ((self.main.warm, "all of the time"), (late, "later than training")):
                kept = [self.main.history if first < late else self.main.history.until(late)]
                kept += [table.history for table in self.earlier]
                tables = tuple(Table.of(rest) for each in kept if (rest := without(each, region)) is not None)
                for hours in self.horizons_h:
                    yield self._judged(
                        tables, hours, self.main, first=first, region=region, name=f"{region} left out, {what}"
                    )

    def transfer(self) -> Iterator[Judged]:
        """Train on the earlier histories alone, judge the main one."""
        if self.earlier:
            for hours in self.horizons_h:
                yield self._judged(self.earlier, hours, self.main, first=self.main.warm, name="trained on earlier ones")

    def _judged(
        self, tables: Sequence[Table], horizon_h: int, table: Table, *, first: int, name: str, region: str = ""
    ) -> Judged:
        task = HorizonTask(tables=tuple(tables), horizon_h=horizon_h, boosting=self.boosting)
        head = fit_horizon(task).head
        test = table.rows(horizon_h, first=first)
        if region:
            regions = np.array([pool.region for pool in table.history.pools])
            test = test.where(regions[test.pool] == region)
        train = joined(training_rows(each, horizon_h, before=each.history.ticks) for each in tables)
        if tables[0].history.pools != table.history.pools:
            # Other pools, counted from 0 as well: none of those judged has a rate of its own yet.
            train = replace(train, pool=train.pool + len(table.history.pools))
        return judge_head(table, head, test, train=train, name=name)


def without(history: History, region: str) -> History | None:
    """The same history as if nobody had watched a region; ``None`` when nothing is left."""
    kept = np.array([pool.region != region for pool in history.pools])
    if not kept.any():
        return None
    return replace(
        history,
        pools=tuple(pool for pool, keep in zip(history.pools, kept, strict=True) if keep),
        up=history.up[kept],
        price_usd_per_h=None if history.price_usd_per_h is None else history.price_usd_per_h[kept],
        placement_score=None if history.placement_score is None else history.placement_score[kept],
        advisor_bucket=None if history.advisor_bucket is None else history.advisor_bucket[kept],
        known=None if history.known is None else history.known[kept],
    )
