"""All of AWS in one value, opened and closed together."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache

import botocore.session

from adapters.aws.accounts.access import BotoAccountAccess
from adapters.aws.buckets import RedisBuckets
from adapters.aws.calls import Calls
from adapters.aws.clients import Clients
from adapters.aws.discovery.discovery import BotoDiscovery
from adapters.aws.executor.executor import BotoExecutor
from adapters.aws.ports.access import Place
from adapters.aws.ports.accounts import AccountAccess
from adapters.aws.ports.discovery import Discovery
from adapters.aws.ports.executor import Ec2Executor
from adapters.aws.ports.prices import PriceSource
from adapters.aws.prices.source import BotoPriceSource
from adapters.catalog.advisor import ADVISOR_URL
from adapters.clock import Clock
from adapters.redis.connection import connect

MOST_EXECUTORS = 4_096
"""Executors kept: each remembers the zones of its account and region, and nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aws:
    """What the platform may ask of AWS. ``executor`` gives the executor of one account and region."""

    accounts: AccountAccess
    discovery: Discovery
    prices: PriceSource
    executor: Callable[[Place], Ec2Executor]


@asynccontextmanager
async def open_aws(
    redis_url: str,
    clock: Clock,
    *,
    service_account_id: str,
    template_url: str = "",
    home: str = "us-east-1",
    endpoint_url: str | None = None,
    advisor_url: str = ADVISOR_URL,
    own: Callable[[], botocore.session.Session] = botocore.session.Session,
) -> AsyncIterator[Aws]:
    """Open AWS through boto3; nothing is asked before the first use.

    Parameters
    ----------
    redis_url
        Where all processes share their limits.
    service_account_id, template_url, home
        See `BotoAccountAccess`; ``home`` is the region of our own calls.
    endpoint_url
        Stands in for AWS in tests and demos; by default AWS, or what ``AWS_ENDPOINT_URL`` says.
    own
        Our own session; by default from the usual AWS configuration.
    """
    redis, calls = connect(redis_url), Calls()
    clients = Clients(calls, RedisBuckets(redis), clock, endpoint_url=endpoint_url, home=home, own=own)

    @lru_cache(maxsize=MOST_EXECUTORS)
    def executor(place: Place) -> BotoExecutor:
        return BotoExecutor(clients, place, clock)

    try:
        yield Aws(
            accounts=BotoAccountAccess(
                clients, clock, service_account_id=service_account_id, template_url=template_url, home=home
            ),
            discovery=BotoDiscovery(clients, clock),
            prices=BotoPriceSource(clients, clock, advisor_url=advisor_url),
            executor=executor,
        )
    finally:
        await calls.aclose()
        clients.close()
        await redis.aclose()
