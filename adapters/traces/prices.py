"""Spot prices over time: a CSV table with ``zone``, ``instance_type``, ``at`` (hours from the start), ``usd_per_h``."""

import math
from pathlib import Path

from adapters.traces.openb import read_table
from domain.errors import InputError

COLUMNS = ("zone", "instance_type", "at", "usd_per_h")
SECONDS_PER_H = 3600.0

PriceTable = dict[tuple[str, str], tuple[tuple[float, ...], tuple[float, ...]]]
"""Times in seconds and prices in USD per hour, by zone and type."""


def read_price_table(path: Path) -> PriceTable:
    """Prices of each pool, each from its time on. The first price of a pool also counts for the time before it.

    Raises
    ------
    InputError
        Naming the row: a price that is not above 0, a time that is negative or not after the one before.
    """
    table: dict[tuple[str, str], tuple[list[float], list[float]]] = {}
    for number, row in enumerate(read_table(path, columns=COLUMNS), start=2):
        at_h, price = (_figure(row, name, path, number) for name in COLUMNS[2:])
        if price <= 0:
            raise InputError(f"{path} row {number}", "usd_per_h", f"must be above 0, not {price:g}")
        if at_h < 0:
            raise InputError(f"{path} row {number}", "at", f"must not be negative, not {at_h:g}")
        times, prices = table.setdefault((row["zone"], row["instance_type"]), ([], []))
        if times and at_h * SECONDS_PER_H <= times[-1]:
            raise InputError(
                f"{path} row {number}", "at", f"must be after {times[-1] / SECONDS_PER_H:g}, as rows are in order"
            )
        times.append(at_h * SECONDS_PER_H)
        prices.append(price)
    if not table:
        raise InputError(str(path), "", "holds no prices")
    return {pool: ((0.0, *times[1:]), tuple(prices)) for pool, (times, prices) in table.items()}


def _figure(row: dict[str, str], name: str, path: Path, number: int) -> float:
    try:
        value = float(row[name])
    except ValueError as err:
        raise InputError(f"{path} row {number}", name, f"must be a number, not {row[name]!r}") from err
    if not math.isfinite(value):
        raise InputError(f"{path} row {number}", name, f"must be finite, not {row[name]}")
    return value
