"""Batches over Ray: as many tasks at once as there are workers, each on one core.

A worker that dies costs its batch, which Ray begins anew. What the driver holds is one batch for each task under way.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path

import ray
from ray.exceptions import RayError, RayTaskError

from actors.simulation.batch import Order, Row
from actors.simulation.replicate import Replicator
from adapters.scenarios.model import Scenario
from domain.errors import RejectedError, TransientError

AHEAD = 2
"""Tasks handed out for each worker: the next one is there when one ends."""
RETRIES = 3
"""Times that a batch is begun anew when its process dies."""


def compute(order: Order) -> list[Row]:
    """The rows of a batch, in this process."""
    replicator = _replicator(order.scenario, order.data, order.digest)
    return [row for number in range(order.first, order.last) for row in replicator.run(number)]


@ray.remote(num_cpus=1, max_retries=RETRIES)
def batch_task(order: Order) -> tuple[int, list[Row]]:
    """Compute a batch."""
    return order.batch, compute(order)


class InProcess:
    """Computes one batch after the other, here."""

    def run(self, orders: Iterable[Order]) -> Iterator[tuple[int, list[Row]]]:
        """Batches with their rows, in order."""
        for order in orders:
            yield order.batch, compute(order)


class RayWorkers:
    """Computes on Ray, which must be there. ``workers`` bounds the tasks at once."""

    def __init__(self, workers: int) -> None:
        self._workers = workers

    def run(self, orders: Iterable[Order]) -> Iterator[tuple[int, list[Row]]]:
        """Batches with their rows, as they end."""
        waiting = iter(orders)
        under_way = [batch_task.remote(order) for order in islice(waiting, AHEAD * self._workers)]
        while under_way:
            ended, under_way = ray.wait(under_way, num_returns=1)
            under_way += [batch_task.remote(order) for order in islice(waiting, 1)]
            yield _rows(ended[0])


def _rows(ended: "ray.ObjectRef[tuple[int, list[Row]]]") -> tuple[int, list[Row]]:
    try:
        return ray.get(ended)
    except RayTaskError as err:
        cause = err.cause
        if isinstance(cause, RejectedError):
            raise cause from err
        raise
    except RayError as err:
        raise TransientError(f"processes that simulate have died {RETRIES} times: {err}") from err


@lru_cache(maxsize=2)
def _replicator(scenario: str, data: str, digest: str) -> Replicator:
    """What is read once; ``digest`` tells whether it would still be read the same."""
    return Replicator(Scenario.model_validate_json(scenario), Path(data))
