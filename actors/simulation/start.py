"""Starts simulations that customers ask for as tasks of Ray, each on one core, behind what is urgent."""

import asyncio
import os
from collections.abc import Mapping
from typing import Protocol
from uuid import UUID

import ray

from actors.connect import services_of
from actors.planning.actor import NICENESS
from actors.simulation.asked import carry_out
from adapters.settings import load_settings

RETRIES = 3
"""Times that a simulation is begun anew when its process dies; it goes on from what is kept."""


class Starter(Protocol):
    """Has a simulation computed somewhere."""

    def start(self, simulation_id: UUID, organization_id: UUID) -> None:
        """Begin; the simulation's row tells how it goes."""


@ray.remote(num_cpus=1, max_retries=RETRIES)
def simulation_task(simulation_id: UUID, organization_id: UUID, given: Mapping[str, object] | None) -> None:
    """Compute a simulation."""
    os.setpriority(os.PRIO_PROCESS, 0, 2 * NICENESS)
    asyncio.run(_carry_out(simulation_id, organization_id, given=given))


async def _carry_out(simulation_id: UUID, organization_id: UUID, *, given: Mapping[str, object] | None) -> None:
    async with services_of(load_settings(given)) as services:
        await carry_out(services, simulation_id, organization_id)


class RayStarter:
    """Starts tasks on the Ray cluster of this process. ``given`` are settings that the environment does not tell."""

    def __init__(self, given: Mapping[str, object] | None = None) -> None:
        self._given = given

    def start(self, simulation_id: UUID, organization_id: UUID) -> None:
        """Begin; the task outlives the request."""
        options = {"name": f"simulation {simulation_id}"}
        simulation_task.options(**options).remote(simulation_id, organization_id, self._given)
