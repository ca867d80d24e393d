"""Training and its experiments as tasks of Ray. Scoring stays in one process: docs/model.md, Batches over Ray."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import ray
from ray.exceptions import RayError, RayTaskError

from domain.errors import RejectedError, TransientError

RETRIES = 3
"""Times that a task is begun anew when its process dies."""

T = TypeVar("T")
R = TypeVar("R")


@ray.remote(num_cpus=1, max_retries=RETRIES)
def _task(function: Callable[[Any], Any], argument: Any) -> Any:
    return function(argument)


def over_ray(function: Callable[[T], R], tasks: Sequence[T]) -> Iterator[R]:
    """`map` over tasks of Ray, which must be there: results in the order of the tasks.

    Raises
    ------
    RejectedError
        As the function has raised it.
    TransientError
        When processes die again and again.
    """
    under_way = [_task.remote(function, task) for task in tasks]
    for ref in under_way:
        yield _answer(ref)


def _answer(ref: "ray.ObjectRef[R]") -> R:
    try:
        return ray.get(ref)
    except RayTaskError as err:
        if isinstance(err.cause, RejectedError):
            raise err.cause from err
        raise
    except RayError as err:
        raise TransientError(f"processes that compute have died {RETRIES} times: {err}") from err
