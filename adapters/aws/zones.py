"""Zone names of an account and the ids behind them: AWS shuffles names per account."""

from typing import Any

from adapters.catalog.aws import fetch_zones


def zone_ids(ec2: Any) -> dict[str, str]:
    """Ids by name, of the zones that the account may use."""
    return {zone.name: zone.id for zone in fetch_zones(ec2)}
