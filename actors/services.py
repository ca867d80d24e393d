"""Everything outside that a process of the platform works with, opened and closed together."""

from dataclasses import dataclass

from adapters.aws.ports.aws import Aws
from adapters.clock import Clock
from adapters.postgres.ports import Database
from adapters.redis.hub import Hub
from adapters.settings import Keys, Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Database, bus and the rest, behind their interfaces: real ones in a process, twins in unit tests."""

    settings: Settings
    keys: Keys
    clock: Clock
    database: Database
    hub: Hub
    aws: Aws
