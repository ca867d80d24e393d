"""All that the platform may ask of AWS, in one value."""

from typing import Protocol

from adapters.aws.ports.access import Place
from adapters.aws.ports.accounts import AccountAccess
from adapters.aws.ports.discovery import Discovery
from adapters.aws.ports.executor import Ec2Executor
from adapters.aws.ports.prices import PriceSource


class Aws(Protocol):
    """AWS, in our own account and in those of customers. Nothing is asked before the first use."""

    @property
    def accounts(self) -> AccountAccess:
        """Access to customers' accounts."""

    @property
    def discovery(self) -> Discovery:
        """What runs in an account."""

    @property
    def prices(self) -> PriceSource:
        """Prices and the Spot advisor's figures."""

    def executor(self, place: Place) -> Ec2Executor:
        """Changes in one account and region."""
