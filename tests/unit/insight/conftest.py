"""Clusters over twins."""

import pytest

from adapters.clock import VirtualClock
from tests.unit.platform_world import World, world

__all__ = ["world"]


@pytest.fixture
def clock(world: World) -> VirtualClock:
    return world.clock
