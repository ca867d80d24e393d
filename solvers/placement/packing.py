"""The packing problem in numbers: classes of equal pods into kinds of nodes."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.uint8]

UNLIMITED = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True, kw_only=True)
class Packing:
    """Classes of pods, kinds of nodes, and what fits where. Rows of resources agree between both.

    Parameters
    ----------
    size
        What one pod of a class takes, (classes, resources). Besides real resources there is one column of 0 and 1 for
        each group of pods of which a node may hold one (hostname anti-affinity, host ports).
    demand
        Pods of each class, (classes,).
    limit
        Most pods of each class on one node, (classes,).
    capacity
        Of a node of each kind, (kinds, resources).
    price
        USD per hour of each kind, (kinds,).
    allowed
        1 where a class may run on a kind, (kinds, classes).
    supply
        How many nodes of each kind exist at most, (kinds,); ``UNLIMITED`` for what can be launched.
    """

    size: Ints
    demand: Ints
    limit: Ints
    capacity: Ints
    price: Floats
    allowed: Flags
    supply: Ints

    @property
    def classes(self) -> int:
        """Number of classes."""
        return int(self.size.shape[0])

    @property
    def kinds(self) -> int:
        """Number of kinds."""
        return int(self.capacity.shape[0])

    def fits(self) -> Ints:
        """Most pods of one class alone on each kind, (kinds, classes)."""
        most = np.minimum(self.limit, self.demand)[None, :].repeat(self.kinds, axis=0)
        for r in range(self.size.shape[1]):
            needs = self.size[:, r] > 0
            most[:, needs] = np.minimum(most[:, needs], self.capacity[:, r, None] // self.size[None, needs, r])
        return np.where(self.allowed > 0, most, 0)

    def with_price(self, price: Floats) -> "Packing":
        """The same problem at other prices."""
        return replace(self, price=price)


def undominated(packing: Packing, *costs: Floats) -> Ints:
    """Indices of kinds that no unlimited kind beats in room, permissions and every one of ``costs``, in order.

    Of equal kinds the first stays.
    """
    order = np.lexsort((np.arange(packing.kinds), *costs))
    keep: list[int] = []
    for k in order:
        rivals = np.array([j for j in keep if packing.supply[j] == UNLIMITED], dtype=np.int64)
        if rivals.size:
            beaten = (packing.capacity[rivals] >= packing.capacity[k]).all(axis=1)
            beaten &= (packing.allowed[rivals] >= packing.allowed[k]).all(axis=1)
            for cost in costs:
                beaten &= cost[rivals] <= cost[k]
            if beaten.any():
                continue
        keep.append(int(k))
    return np.array(sorted(keep), dtype=np.int64)


def exchanges(packing: Packing) -> list[tuple[int, int]]:
    """Pairs (small, large): a slot for a pod of class ``large`` always holds one of class ``small`` instead.

    Only the pairs that do not follow from others. They order the dual values, which keeps them calm.
    """
    size, allowed, limit = packing.size, packing.allowed, packing.limit
    classes = packing.classes
    below = np.ones((classes, classes), dtype=bool)
    for r in range(size.shape[1]):
        below &= size[:, None, r] <= size[None, :, r]
    below &= limit[:, None] >= limit[None, :]
    for k in range(packing.kinds):
        below &= allowed[k][:, None] >= allowed[k][None, :]
    twins = below & below.T
    below &= ~(twins & (np.arange(classes)[:, None] >= np.arange(classes)[None, :]))
    as_float = below.astype(np.float32)
    implied = (as_float @ as_float) > 0
    return [(int(i), int(j)) for i, j in np.argwhere(below & ~implied)]
