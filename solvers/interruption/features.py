"""Features of every pool at every tick, from what was known at that tick: one code for training, back-test, serving.

Pools look at each other by region and type, so a history may be cut by instance type without changing a feature.
"""

from collections.abc import Iterator

import numpy as np

from solvers.interruption.contract import (
    DROPS_H,
    HAZARD_H,
    HIGHEST_RATE,
    LONGEST_H,
    MOST_DROPS,
    OTHERS_DROPS_H,
    OTHERS_HAZARD_H,
    OTHERS_SHARE_H,
    SHARE_H,
    V1_0,
    Floats,
    Mask,
    Matrix,
)
from solvers.interruption.history import History

PRIOR_DROPS, PRIOR_UP_H = 0.5, 2.0
"""What fading hazards start from: the rate of a middling pool of the traces, as if seen for two hours."""
SEASON_DAYS = 7
SEASON_BEFORE_H, SEASON_AFTER_H = 1.0, 2.0
HIGHEST_RATIO = 100.0

Columns = Iterator[tuple[str, Floats]]


def features(history: History, *, since: int = 0) -> Matrix:
    """Features by contract v1.0, of shape (pools, ticks from ``since`` on, features).

    Notes
    -----
    The state at a tick is known at that tick; nothing later is looked at. Features of a pool that is down are defined,
    but the model speaks of pools that are up.
    """
    out = np.empty((len(history.pools), history.ticks - since, len(V1_0.features)), dtype=np.float32)
    seen = set[str]()
    for name, column in _columns(history):
        out[:, :, V1_0.index(name)] = column[:, since:]
        seen.add(name)
    V1_0.check_names([name for name in V1_0.names if name in seen], of="features")
    return out


def _columns(history: History) -> Columns:
    up, drop = history.up, drops(history.up)
    yield from _ages(history, drop)
    shares = {hours: _mean_over(up, history.ticks_of(hours)) for hours in SHARE_H}
    counts = {hours: _sum_over(drop, history.ticks_of(hours)) for hours in sorted({*DROPS_H, *OTHERS_DROPS_H})}
    hazards = {hours: _fading_hazard(history, drop, hours) for hours in HAZARD_H}
    to_date = np.cumsum(up, axis=1) / np.arange(1, history.ticks + 1)
    yield from ((f"availability_{hours}h", share) for hours, share in shares.items())
    yield "availability_to_date", to_date
    yield from ((f"drops_{hours}h", np.minimum(counts[hours], MOST_DROPS)) for hours in DROPS_H)
    yield from ((f"hazard_{hours}h", hazard) for hours, hazard in hazards.items())
    up_h = np.cumsum(up, axis=1, dtype=np.float64) * history.tick_h
    yield "hazard_to_date", _rate(np.cumsum(drop, axis=1, dtype=np.float64), up_h)
    for prefix, weights in (("sibling", _siblings(history)), ("elsewhere", _elsewhere(history))):
        yield f"{prefix}_up", weights @ up
        yield from ((f"{prefix}_availability_{hours}h", weights @ shares[hours]) for hours in OTHERS_SHARE_H)
        yield from (
            (f"{prefix}_drops_{hours}h", np.minimum(weights @ counts[hours], MOST_DROPS)) for hours in OTHERS_DROPS_H
        )
        yield f"{prefix}_hazard_{OTHERS_HAZARD_H}h", weights @ hazards[OTHERS_HAZARD_H]
    yield from _season(history, 1.0 - to_date)
    yield from _calendar(history)
    yield from _market(history)


def drops(up: Mask) -> Mask:
    """Ticks at which a pool is down that was up at the tick before."""
    found = np.zeros_like(up)
    found[:, 1:] = up[:, :-1] & ~up[:, 1:]
    return found


def _ages(history: History, drop: Mask) -> Columns:
    yield "age_h", np.minimum(np.where(history.up, _since(~history.up), 0) * history.tick_h, LONGEST_H)
    yield "since_drop_h", np.minimum(_since(drop) * history.tick_h, LONGEST_H)


def _since(event: Mask) -> Floats:
    """Ticks since an event last happened; since before the first tick when it never did."""
    at = np.arange(event.shape[1])
    last = np.maximum.accumulate(np.where(event, at, -1), axis=1)
    return (at - last).astype(np.float64)


def _sum_over(values: Mask, ticks: int) -> Floats:
    """Sum over a window that ends with the tick itself."""
    sums = running(values)
    end = np.arange(1, values.shape[1] + 1)
    return sums[:, end] - sums[:, np.maximum(end - ticks, 0)]


def _mean_over(values: Mask, ticks: int) -> Floats:
    return _sum_over(values, ticks) / np.minimum(np.arange(1, values.shape[1] + 1), ticks)


def running(values: Mask | Floats) -> Floats:
    """Sums of the first 0, 1, 2 … ticks."""
    sums = np.zeros((values.shape[0], values.shape[1] + 1))
    np.cumsum(values, axis=1, out=sums[:, 1:])
    return sums


def _fading_hazard(history: History, drop: Mask, fade_h: float) -> Floats:
    """Drops per up-hour, both fading with the same time constant."""
    keep = np.exp(-history.tick_h / fade_h)
    number, up_h = np.zeros(len(history.pools)), np.zeros(len(history.pools))
    out = np.empty(history.up.shape)
    for tick in range(history.ticks):
        number = number * keep + drop[:, tick]
        up_h = up_h * keep + history.up[:, tick] * history.tick_h
        out[:, tick] = _rate(number, up_h)
    return out


def _rate(number: Floats, up_h: Floats) -> Floats:
    rate: Floats = (number + PRIOR_DROPS) / (up_h + PRIOR_UP_H)
    return np.minimum(rate, HIGHEST_RATE)


def _same(history: History) -> tuple[Mask, Mask]:
    """Which pools share their type, and which their region."""
    types = np.array([pool.instance_type for pool in history.pools])
    regions = np.array([pool.region for pool in history.pools])
    return types[:, None] == types, regions[:, None] == regions


def _siblings(history: History) -> Floats:
    same_type, same_region = _same(history)
    return _means(same_type & same_region & ~np.eye(len(history.pools), dtype=bool))


def _elsewhere(history: History) -> Floats:
    same_type, same_region = _same(history)
    return _means(same_type & ~same_region)


def _means(who: Mask) -> Floats:
    """Weights of a mean over others; NaN for a pool that has none."""
    number = who.sum(axis=1, keepdims=True)
    return np.where(number > 0, who / np.maximum(number, 1), np.nan)


def _season(history: History, down_to_date: Floats) -> Columns:
    sums, ticks = running(~history.up), history.ticks
    before, after = history.ticks_of(SEASON_BEFORE_H), history.ticks_of(SEASON_AFTER_H)
    total, days = np.zeros(history.up.shape), np.zeros(ticks)
    for day in range(1, SEASON_DAYS + 1):
        at = np.arange(ticks) - history.ticks_of(24.0 * day)
        full = at - before >= 0
        first, last = np.maximum(at - before, 0), np.maximum(at + after, 0)
        total += np.where(full, (sums[:, last] - sums[:, first]) / (before + after), 0.0)
        days += full
    # One day's worth of the share at any time of day: a single day says little.
    here = (total + down_to_date) / (days + 1)
    same_type, same_region = _same(history)
    region = _means(same_type & same_region)
    yield "season_here", here
    yield "season_region", region @ here
    yield "season_lift", region @ (here - down_to_date)


def _calendar(history: History) -> Columns:
    missing = np.full(history.up.shape, np.nan)
    if history.start is None:
        yield "hour", missing
        yield "weekday", missing
        return
    start = history.start
    since_midnight_h = start.hour + start.minute / 60 + start.second / 3600
    hours = since_midnight_h + np.arange(history.ticks) * history.tick_h
    yield "hour", np.broadcast_to(hours % 24, history.up.shape)
    yield "weekday", np.broadcast_to((start.weekday() + hours // 24) % 7, history.up.shape)


def _market(history: History) -> Columns:
    missing = np.full(history.up.shape, np.nan)
    price = history.price_usd_per_h
    yield "price_level", missing if price is None else _price_level(price)
    yield "price_change_24h", missing if price is None else _price_change(price, history.ticks_of(24.0))
    bucket = history.advisor_bucket
    yield "advisor_bucket", missing if bucket is None else np.broadcast_to(bucket[:, None], missing.shape)
    yield "placement_score", missing if history.placement_score is None else history.placement_score
    gpus = np.array([pool.accelerators if pool.accelerators >= 0 else np.nan for pool in history.pools])
    yield "accelerators", np.broadcast_to(gpus[:, None], missing.shape)


def _price_level(price: Floats) -> Floats:
    known = np.cumsum(~np.isnan(price), axis=1)
    mean = np.cumsum(np.nan_to_num(price), axis=1) / np.maximum(known, 1)
    return np.minimum(price / np.where(mean > 0, mean, np.nan), HIGHEST_RATIO)


def _price_change(price: Floats, day: int) -> Floats:
    change = np.full(price.shape, np.nan)
    before = price[:, :-day]
    change[:, day:] = np.minimum(price[:, day:] / np.where(before > 0, before, np.nan) - 1.0, HIGHEST_RATIO)
    return change
