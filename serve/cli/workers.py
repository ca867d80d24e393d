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
    cores = min(os.cpu_count() or 1 if wanted is None else wanted, most or MOST_CORES)
    if cores < 2:
        yield map
        return
    from actors.scoring.fanout import over_ray

    with ray_for(cores, namespace="spotopt-models", store_bytes=STORE_BYTES):
        yield over_ray


@contextmanager
def ray_for(cores: int, *, namespace: str, store_bytes: int) -> Iterator[None]:
    """Make this process a driver of the Ray that RAY_ADDRESS names, else of one that lives as long as the context.

    Raises
    ------
    TransientError
        Ray cannot be started or reached.
    """
    import ray

    address = os.environ.get("RAY_ADDRESS")
    try:
        ray.init(
            address=address, num_cpus=None if address else cores, include_dashboard=False,
            object_store_memory=None if address else store_bytes, log_to_driver=False,
            logging_level=logging.ERROR, namespace=namespace,
        )  # fmt: skip
    except (ConnectionError, RuntimeError) as err:
        raise TransientError(f"Ray cannot be started or reached: {err}") from err
    try:
        yield
    finally:
        ray.shutdown()
