"""A platform over twins."""

from tests.unit.platform_world import world

__all__ = ["world"]
