"""Errors, sorted by what the caller does next.

Arguments are positional and all handed to ``super().__init__``, so that an error survives a process boundary.
"""


class SpotOptimizerError(Exception):
    """Root of our own errors."""


class TransientError(SpotOptimizerError):
    """The same call may succeed later: retry with backoff."""


class CapacityError(SpotOptimizerError):
    """A capacity pool has no room: try the next pool, then on-demand."""


class RejectedError(SpotOptimizerError):
    """The input or the request is wrong: tell the caller, never retry."""


class InvariantError(SpotOptimizerError):
    """A bug of ours: stop changing this cluster and tell somebody."""


class InputError(RejectedError):
    """Bad input, named by object and field.

    Parameters
    ----------
    obj
        What is wrong, as its owner knows it: ``"Pod web/api-7f9c"``, ``"policy.yaml"``.
    field
        Path of the field inside the object, empty when the object as a whole is wrong.
    problem
        What is wrong with it and what would be right.
    """

    def __init__(self, obj: str, field: str, problem: str) -> None:
        super().__init__(obj, field, problem)
        self.obj = obj
        self.field = field
        self.problem = problem

    def __str__(self) -> str:
        where = f"{self.obj}: {self.field}" if self.field else self.obj
        return f"{where}: {self.problem}"
