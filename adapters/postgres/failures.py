"""The driver's errors as ours, sorted by what the caller does next."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from domain.errors import InvariantError, RejectedError, TransientError

_AGAIN = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.LockNotAvailableError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection that the driver is just losing
    asyncpg.InvalidCachedStatementError,  # a migration has changed the table meanwhile
    TimeoutError,
    OSError,
)
"""The server is away, busy or starting, or the transaction lost against another one."""

_WRONG_INPUT = (
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.DataError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
)
"""Asking again would meet the same answer."""


class ConflictError(RejectedError):
    """Something else has this name, address or number already. ``constraint`` is the rule that said no."""

    def __init__(self, problem: str, constraint: str) -> None:
        super().__init__(problem, constraint)
        self.problem = problem
        self.constraint = constraint

    def __str__(self) -> str:
        return self.problem


@contextmanager
def translated() -> Iterator[None]:
    """Raise our errors for the driver's. Values of rows stay out of messages: they may be secret."""
    try:
        yield
    except asyncpg.UniqueViolationError as err:
        raise ConflictError(f"{err.table_name} has this already", str(err.constraint_name)) from err
    except _WRONG_INPUT as err:
        rule = getattr(err, "constraint_name", None)
        raise RejectedError(f"refused by the database: {f'rule {rule}' if rule else type(err).__name__}") from err
    except _AGAIN as err:
        raise TransientError(f"the database is away or busy: {type(err).__name__}") from err
    except asyncpg.PostgresError as err:
        raise InvariantError(f"a query that cannot be right: {type(err).__name__}, {err.sqlstate}") from err
