"""Splits that show what a trained model is worth: rolling origins, a region left out, another year."""

from collections.abc import Callable, Iterable, Iterator, Sequence
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
class Split:
    """A model to be trained on ``tables`` and judged on the rows of ``judged`` from tick ``first`` on.

    ``region`` is the one that is judged, empty for all.
    """

    name: str
    tables: tuple[Table, ...]
    judged: Table
    first: int
    horizon_h: int
    boosting: Boosting
    region: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiments:
    """Histories to learn from: the ``main`` one, which is split, and earlier ones, which are used whole.

    ``run`` maps `judge_split` over splits, here or elsewhere, keeping their order.
    """

    main: Table
    earlier: tuple[Table, ...] = ()
    horizons_h: tuple[int, ...] = (1,)
    boosting: Boosting = field(default_factory=Boosting)
    run: Callable[[Callable[[Split], Judged], Sequence[Split]], Iterable[Judged]] = map

    def rolling(self) -> Iterable[Judged]:
        """Train before each origin, judge all that comes after it."""
        return self.run(judge_split, list(self._rolling()))

    def region_left_out(self) -> Iterable[Judged]:
        """Train on all other regions, judge the one left out: over all of the time, and late alone."""
        return self.run(judge_split, list(self._region_left_out()))

    def transfer(self) -> Iterable[Judged]:
        """Train on the earlier histories alone, judge the main one."""
        name = "trained on earlier ones"
        splits = self._splits(self.earlier, first=self.main.warm, name=name) if self.earlier else ()
        return self.run(judge_split, list(splits))

    def _rolling(self) -> Iterator[Split]:
        for origin in ORIGINS:
            cut = round(self.main.history.ticks * origin)
            before = Table.of(self.main.history.until(cut))
            yield from self._splits((before, *self.earlier), first=cut, name=f"from {origin:.0%} on")

    def _region_left_out(self) -> Iterator[Split]:
        regions = sorted({pool.region for pool in self.main.history.pools})
        if len(regions) < 2:
            return
        late = round(self.main.history.ticks * LATE)
        for region in regions:
            for first, what in ((self.main.warm, "all of the time"), (late, "later than training")):
                kept = [self.main.history if first < late else self.main.history.until(late)]
                kept += [table.history for table in self.earlier]
                tables = tuple(Table.of(rest) for each in kept if (rest := without(each, region)) is not None)
                yield from self._splits(tables, first=first, region=region, name=f"{region} left out, {what}")

    def _splits(self, tables: Sequence[Table], *, first: int, name: str, region: str = "") -> Iterator[Split]:
        for hours in self.horizons_h:
            yield Split(
                name=name, tables=tuple(tables), judged=self.main, first=first, horizon_h=hours,
                boosting=self.boosting, region=region,
            )  # fmt: skip


def judge_split(split: Split) -> Judged:
    """Train, and judge on the rows held back."""
    head = fit_horizon(HorizonTask(tables=split.tables, horizon_h=split.horizon_h, boosting=split.boosting)).head
    table = split.judged
    test = table.rows(split.horizon_h, first=split.first)
    if split.region:
        regions = np.array([pool.region for pool in table.history.pools])
        test = test.where(regions[test.pool] == split.region)
    train = joined(training_rows(each, split.horizon_h, before=each.history.ticks) for each in split.tables)
    if split.tables[0].history.pools != table.history.pools:
        # Other pools, counted from 0 as well: none of those judged has a rate of its own yet.
        train = replace(train, pool=train.pool + len(table.history.pools))
    return judge_head(table, head, test, train=train, name=split.name)


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
