"""Who computes for a command: this process, or Ray, which is started for it unless RAY_ADDRESS names one."""

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from domain.errors import TransientError

STORE_BYTES = 512 << 20
"""Of the store that tasks share: features of a recording take tens of MiB, and what shared memory holds is scarce."""
MOST_CORES = 32

Run = Callable[[Callable[[Any], Any], Sequence[Any]], Iterable[Any]]


@contextmanager
def mapping(wanted: int | None, *, most: int | None = None) -> Iterator[Run]:
    """`map`, here or over so many processes of Ray; with one there is nothing to share.

    Parameters
    ----------
    wanted
        Processes, ``None`` for one a core, 0 for none but this one.
    most
        Tasks that there are.

    Raises
    ------
    TransientError
        Ray cannot be started or reached.
    """
    address = os.environ.get("RAY_ADDRESS")
    cores = min(os.cpu_count() or 1 if wanted is None else wanted, most or MOST_CORES)
    if cores < 2:
        yield map
        return
    import ray

    from actors.scoring.fanout import over_ray

    try:
        ray.init(
            address=address, num_cpus=None if address else cores, include_dashboard=False,
            object_store_memory=None if address else STORE_BYTES, log_to_driver=False,
            logging_level=logging.ERROR, namespace="spotopt-models",
        )  # fmt: skip
    except (ConnectionError, RuntimeError) as err:
        raise TransientError(f"Ray cannot be started or reached: {err}") from err
    try:
        yield over_ray
    finally:
        ray.shutdown()
