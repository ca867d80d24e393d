"""Which release this is."""

from functools import cache
from importlib import metadata


@cache
def version() -> str:
    """Version of the installed distribution; ``0`` where the code runs without being installed."""
    try:
        return metadata.version("spot-optimizer")
    except metadata.PackageNotFoundError:
        return "0"
