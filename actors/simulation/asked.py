"""Simulations that customers ask for over the API: what may be asked, and one being computed with what is done kept.

Survives the death of its process: batches that are done are in PostgreSQL, whoever goes on begins with what is missing.
A scenario from outside names no files: recordings come with it.
"""

import asyncio
import tempfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson

from actors.services import Services
from actors.simulation.batch import Batches, compared, summary
from actors.simulation.fanout import compute
from adapters.scenarios.model import MOST_CLUSTERS, Scenario
from domain.errors import InputError, InvariantError, RejectedError
from domain.simulation import SimulationStatus, StoredSimulation

BATCH = 2
"""Replications between two signs of life."""
SILENT = timedelta(minutes=15)
"""A simulation of which nothing was heard for longer has lost its process: a batch takes minutes at most."""
MOST_REPLICATIONS = 200
MOST_CLUSTER_HOURS = 200_000.0
"""Of one simulation, over its policies: some minutes of one core."""
MOST_OPEN = 2
"""Simulations of one organisation at a time."""
HERE = "."
"""What a scenario from outside calls its own recordings."""
OUR_FAULT = "a mistake of ours stopped it; the log of the platform has the details"
PRICES = "prices.csv"
"""Where the prices that come with recordings are put."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered:
    """A scenario with its recordings: file names of the SkyPilot format and what is in them, and a table of prices."""

    scenario: Scenario
    recordings: dict[str, dict[str, Any]]
    prices: str = ""

    def as_bytes(self) -> bytes:
        """As it is stored."""
        scenario = self.scenario.model_dump(mode="json")
        return orjson.dumps({"scenario": scenario, "recordings": self.recordings, "prices": self.prices})


def check(ordered: Ordered, replications: int) -> None:
    """Refuse what names files of ours, or is too much.

    Raises
    ------
    InputError
        Naming the field.
    """
    scenario, name = ordered.scenario, "body.scenario"
    arrivals, market = scenario.workload.arrivals, scenario.market
    named = {
        "market.generated.fitted_to": market.generated.fitted_to if market.generated else "",
        "market.prices": market.prices,
        "workload.arrivals": arrivals.file if arrivals else "",
        "ours.model_file": scenario.ours.model_file,
    }
    for field, value in named.items():
        if value:
            raise InputError(f"{name}.{field}", "", "must be empty: a scenario from outside names no files")
    if market.recorded is not None and (market.recorded.folder != HERE or not ordered.recordings):
        raise InputError(f"{name}.market.recorded.folder", "", f"must be {HERE!r}, with recordings in the request")
    clusters = scenario.clusters.tenants * scenario.clusters.per_tenant
    hours = scenario.hours * clusters * replications * len(scenario.policies)
    if hours > MOST_CLUSTER_HOURS or clusters > MOST_CLUSTERS or replications > MOST_REPLICATIONS:
        problem = f"is {hours:.0f} cluster-hours over all policies, {MOST_CLUSTER_HOURS:.0f} may be asked for"
        raise InputError("body.replications", "", problem)


async def carry_out(services: Services, simulation_id: UUID, organization_id: UUID) -> None:
    """Compute what of a simulation is missing, and end it. What cannot be simulated ends it as failed."""
    async with services.database.tenant(organization_id) as tx:
        stored = await tx.simulations.get(simulation_id)
        done = dict(await tx.simulations.parts(simulation_id)) if stored else {}
    if stored is None or stored.ended_at is not None:
        return
    with tempfile.TemporaryDirectory() as folder:
        try:
            batches = _batches(stored, Path(folder))
            for order in batches.orders(frozenset(done)):
                done[order.batch] = orjson.dumps(await asyncio.to_thread(compute, order))
                if not await _keep(services, stored, batch=order.batch, done=done):
                    return
        except RejectedError as err:
            await _end(services, stored, SimulationStatus.FAILED, summary={}, error=str(err))
            return
        except InvariantError:
            # Begun anew it would fail as before, and whoever waits would wait for good.
            await _end(services, stored, SimulationStatus.FAILED, summary={}, error=OUR_FAULT)
            raise
        rows = [row for number in sorted(done) for row in orjson.loads(done[number])]
        found = compared(rows, baseline=batches.scenario.measured_against)
        await _end(services, stored, SimulationStatus.COMPLETED, summary=summary(found, batches), error="")


def _batches(stored: StoredSimulation, folder: Path) -> Batches:
    content = orjson.loads(stored.body)
    for name, recording in content["recordings"].items():
        (folder / name).write_bytes(orjson.dumps(recording))
    scenario = Scenario.model_validate(content["scenario"])
    if prices := content.get("prices", ""):
        (folder / PRICES).write_text(prices, encoding="utf-8")
        scenario = scenario.model_copy(update={"market": scenario.market.model_copy(update={"prices": PRICES})})
    return Batches(scenario=scenario, data=folder, replications=stored.replications, batch=BATCH)


async def _keep(services: Services, stored: StoredSimulation, *, batch: int, done: dict[int, bytes]) -> bool:
    number = min(len(done) * BATCH, stored.replications)
    async with services.database.tenant(stored.organization_id) as tx:
        return await tx.simulations.keep(stored.id, batch, done[batch], done=number, now=services.clock.now())


async def _end(
    services: Services, stored: StoredSimulation, status: SimulationStatus, *, summary: dict[str, Any], error: str
) -> None:
    async with services.database.tenant(stored.organization_id) as tx:
        await tx.simulations.end(stored.id, status, summary=summary, error=error, now=services.clock.now())
