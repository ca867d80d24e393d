"""The compiled inner loop of scoring.

Each node is decided for a block of rows at once, from the leaves up, with loops that the compiler turns into vector
instructions: for shallow trees that beats walking down row by row by far.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

BLOCK = 256
"""Rows at once: their features and the values of one tree stay in the processor's first caches."""

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]


@njit(cache=True, nogil=True)
def sum_trees(
    rows: F32, feature: I32, threshold: F32, nan_left: NDArray[np.bool_], left: I32, right: I32, leaf: F32,
    first_node: I32, first_leaf: I32, out: NDArray[np.float64],
) -> None:  # fmt: skip
    """Add the leaf that each tree gives each row to ``out``."""
    columns = np.empty((rows.shape[1], BLOCK), dtype=np.float32)
    most = 1
    for tree in range(first_node.size - 1):
        most = max(most, first_node[tree + 1] - first_node[tree] + first_leaf[tree + 1] - first_leaf[tree])
    values = np.empty((most, BLOCK), dtype=np.float32)
    for begin in range(0, rows.shape[0], BLOCK):
        size = min(BLOCK, rows.shape[0] - begin)
        for row in range(size):
            for column in range(rows.shape[1]):
                columns[column, row] = rows[begin + row, column]
        for tree in range(first_node.size - 1):
            low, nodes = first_node[tree], first_node[tree + 1] - first_node[tree]
            high = first_leaf[tree]
            # Rows of ``values``: the nodes, then those leaves whose sibling is a node.
            for node in range(nodes - 1, -1, -1):
                at = low + node
                column, limit, missing = columns[feature[at]], threshold[at], nan_left[at]
                one, two = left[at], right[at]
                if one < 0 and two < 0:
                    _pick(column, limit, missing, leaf[high + ~one], leaf[high + ~two], values[node])
                    continue
                if one < 0:
                    values[nodes + ~one, :] = leaf[high + ~one]
                    one = nodes + ~one
                if two < 0:
                    values[nodes + ~two, :] = leaf[high + ~two]
                    two = nodes + ~two
                _choose(column, limit, missing, values[one], values[two], values[node])
            if not nodes:
                values[0, :] = leaf[high]
            for row in range(size):
                out[begin + row] += values[0, row]


@njit(cache=True, nogil=True)
def _choose(column: F32, limit: np.float32, nan_left: bool, one: F32, two: F32, out: F32) -> None:  # noqa: FBT001
    """Per row, the value of the left child or of the right one."""
    if nan_left:
        for row in range(BLOCK):
            out[row] = two[row] if column[row] > limit else one[row]
    else:
        for row in range(BLOCK):
            out[row] = one[row] if column[row] <= limit else two[row]


@njit(cache=True, nogil=True)
def _pick(column: F32, limit: np.float32, nan_left: bool, one: np.float32, two: np.float32, out: F32) -> None:  # noqa: FBT001
    """The same for two leaves."""
    if nan_left:
        for row in range(BLOCK):
            out[row] = two if column[row] > limit else one
    else:
        for row in range(BLOCK):
            out[row] = one if column[row] <= limit else two


@njit(cache=True, nogil=True)
def look_up(
    margin: NDArray[np.float64], limit: float, knots: NDArray[np.float64], out: NDArray[np.float64]
) -> None:  # fmt: skip
    """Read each column of ``knots``, evenly spaced from ``-limit`` to ``limit``, at every margin."""
    last = knots.shape[0] - 1
    for row in range(margin.size):
        place = (min(max(margin[row], -limit), limit) + limit) * last / (2 * limit)
        at = min(int(place), last - 1)
        share = place - at
        for column in range(knots.shape[1]):
            out[row, column] = knots[at, column] + share * (knots[at + 1, column] - knots[at, column])
