"""AWS that is opened by its first use: boto3 is not loaded by processes that never ask AWS anything."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from adapters.aws.ports.access import Place
from adapters.aws.ports.accounts import AccountAccess
from adapters.aws.ports.discovery import Discovery
from adapters.aws.ports.executor import Ec2Executor
from adapters.aws.ports.prices import PriceSource
from adapters.clock import Clock
from adapters.settings import Settings

if TYPE_CHECKING:
    from adapters.aws.hub import BotoAws


class LateAws:
    """All of AWS, made when it is first used."""

    def __init__(self, make: "Callable[[], BotoAws]") -> None:
        self._make = make
        self._made: BotoAws | None = None

    @property
    def accounts(self) -> AccountAccess:
        """Access to customers' accounts."""
        return self._aws().accounts

    @property
    def discovery(self) -> Discovery:
        """What runs in an account."""
        return self._aws().discovery

    @property
    def prices(self) -> PriceSource:
        """Prices and the Spot advisor's figures."""
        return self._aws().prices

    def executor(self, place: Place) -> Ec2Executor:
        """Changes in one account and region."""
        return self._aws().executor(place)

    async def aclose(self) -> None:
        """Close what was opened."""
        if self._made is not None:
            await self._made.aclose()

    def _aws(self) -> "BotoAws":
        if self._made is None:
            self._made = self._make()
        return self._made


def aws_of(settings: Settings, redis_url: str, clock: Clock) -> LateAws:
    """AWS as the settings say; limits are shared in Redis."""

    def make() -> "BotoAws":
        # boto3 and the catalogue take half a second to load.
        from adapters.aws.hub import BotoAws
        from adapters.catalog.advisor import ADVISOR_URL

        return BotoAws(
            redis_url,
            clock,
            service_account_id=settings.aws_account_id,
            template_url=settings.aws_template_url,
            home=settings.aws_region,
            endpoint_url=settings.aws_endpoint_url or None,
            advisor_url=settings.aws_advisor_url or ADVISOR_URL,
        )

    return LateAws(make)
