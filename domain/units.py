"""Units that every figure of the product agrees on."""

HOURS_PER_MONTH = 730.0
"""A month is 730 hours everywhere (365 * 24 / 12)."""

MIB = 1 << 20
GIB = 1 << 30
MCPU_PER_CPU = 1000
MICRO_USD_PER_USD = 1_000_000


def to_micro_usd(usd: float) -> int:
    """Money as whole micro-USD, the form in which it is stored and compared exactly."""
    return round(usd * MICRO_USD_PER_USD)


def monthly(usd_per_h: float) -> float:
    """USD per month of a rate in USD per hour."""
    return usd_per_h * HOURS_PER_MONTH
