"""From the Spot advisor's interruption buckets to a probability per node and month.

The buckets are frequencies over the trailing month and the whole region: <5 %, 5-10, 10-15, 15-20, >20 %.

Notes
-----
Closed buckets count as their middle. The open one has none: over the 10 110 rows of the baseline's 15 regions
(2025-06-28) an exponential distribution cut at 100 % fits the shares of all five buckets to within 3 points by maximum
likelihood (mean 21 %), and its mean above 20 % is 39 %. Within the closed buckets it lies 0.1 points below the middle.
"""

INTERRUPTION_PER_MONTH = (0.025, 0.075, 0.125, 0.175, 0.39)
"""Probability that AWS takes a node within a month of 730 h, by advisor bucket 0..4."""

UNKNOWN_INTERRUPTION_PER_MONTH = 0.20
"""Mean over all rows: for a type whose Spot price is known but on which the advisor is silent."""
