"""All of AWS in one value, opened and closed together."""

from collections.abc import Callable

import botocore.session

from adapters.aws.accounts.access import BotoAccountAccess
from adapters.aws.buckets import RedisBuckets
from adapters.aws.calls import Calls
from adapters.aws.clients import Clients
from adapters.aws.discovery.discovery import BotoDiscovery
from adapters.aws.executor.executor import BotoExecutor
from adapters.aws.ports.access import Place
from adapters.aws.prices.source import BotoPriceSource
from adapters.catalog.advisor import ADVISOR_URL
from adapters.clock import Clock
from adapters.redis.connection import connect

MOST_EXECUTORS = 4_096
"""Executors kept: each remembers the zones of its account and region, and nothing else."""


class BotoAws:
    """What the platform may ask of AWS, through boto3; nothing is asked before the first use.

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

    def __init__(
        self,
        redis_url: str,
        clock: Clock,
        *,
        service_account_id: str,
        template_url: str = "",
        home: str = "us-east-1",
        endpoint_url: str | None = None,
        advisor_url: str = ADVISOR_URL,
        own: Callable[[], botocore.session.Session] = botocore.session.Session,
    ) -> None:
        self._clock = clock
        self._redis, self._calls = connect(redis_url), Calls()
        buckets = RedisBuckets(self._redis)
        self._clients = Clients(self._calls, buckets, clock, endpoint_url=endpoint_url, home=home, own=own)
        self._executors: dict[Place, BotoExecutor] = {}
        self.accounts = BotoAccountAccess(
            self._clients, clock, service_account_id=service_account_id, template_url=template_url, home=home
        )
        self.discovery = BotoDiscovery(self._clients, clock)
        self.prices = BotoPriceSource(self._clients, clock, advisor_url=advisor_url)

    def executor(self, place: Place) -> BotoExecutor:
        """The executor of one account and region."""
        known = self._executors.get(place)
        if known is None:
            if len(self._executors) >= MOST_EXECUTORS:
                self._executors.pop(next(iter(self._executors)))
            known = self._executors[place] = BotoExecutor(self._clients, place, self._clock)
        return known

    async def aclose(self) -> None:
        """Let calls under way end, and close all connections."""
        await self._calls.aclose()
        self._clients.close()
        await self._redis.aclose()
