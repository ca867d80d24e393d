"""Connections to Redis: timeouts, health checks, retries, and its errors in our words."""

from collections.abc import Iterator
from contextlib import contextmanager

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    ConnectionError,  # noqa: A004
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    TimeoutError,  # noqa: A004
)

from domain.errors import InvariantError, RejectedError, TransientError

TIMEOUT_S = 5.0
"""For connecting, and for an answer. Far above what a healthy server needs, below what a caller of ours waits."""
RETRIES = 6
"""With the waits below up to 3 s in all: an embedded server that was killed is back within one."""
RETRY_BASE_S = 0.05
RETRY_CAP_S = 1.0
HEALTH_CHECK_S = 15.0
"""A connection unused for this long is tried with a PING before it is used."""
MAX_CONNECTIONS = 32
"""Per process and client. Calls beyond wait for a free one, so that a burst does not open thousands."""
PROTOCOL = 3

PASSING = (BusyLoadingError, ReadOnlyError, ConnectionError, TimeoutError, OSError)
"""Loading after a restart, failing over, away: the same call may succeed later."""
FULL = "OOM command not allowed"
"""What a script's error says, deep inside, when the server has no memory left."""


def connect(url: str, *, max_connections: int = MAX_CONNECTIONS) -> Redis:
    """Make a client; it connects on first use.

    Parameters
    ----------
    url
        ``redis://``, ``rediss://`` or ``unix://``.
    max_connections
        Connections it opens at most.
    """
    retry = Retry(ExponentialWithJitterBackoff(base=RETRY_BASE_S, cap=RETRY_CAP_S), RETRIES)
    return _client(url, retry, max_connections)


def connect_listener(url: str) -> Redis:
    """Make a client for publish and subscribe: it never reconnects by itself, so that every gap is noticed."""
    return _client(url, Retry(NoBackoff(), 0), max_connections=2)


def _client(url: str, retry: Retry, max_connections: int) -> Redis:
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=max_connections,
        timeout=TIMEOUT_S,
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
        health_check_interval=HEALTH_CHECK_S,
        protocol=PROTOCOL,
        retry=retry,
        retry_on_error=[BusyLoadingError],
    )
    return Redis.from_pool(pool)


@contextmanager
def translated(deed: str) -> Iterator[None]:
    """Raise the client's errors as ours; ``deed`` says what was being done."""
    try:
        yield
    except AuthenticationError as err:
        raise RejectedError(f"Redis refuses us, could not {deed}: {err}") from err
    except OutOfMemoryError as err:
        raise TransientError(f"Redis is full, could not {deed}") from err
    except PASSING as err:
        raise TransientError(f"Redis is away, could not {deed}: {err}") from err
    except RedisError as err:
        if FULL in str(err):
            raise TransientError(f"Redis is full, could not {deed}") from err
        raise InvariantError(f"Redis did not understand, could not {deed}: {err}") from err
