"""Simulations: a scenario played many times, with the customer's own recordings if they come with it."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request

from actors.simulation.asked import MOST_OPEN, SILENT, Ordered, check
from actors.simulation.start import RayStarter, Starter
from adapters.postgres.ids import new_id
from adapters.traces.prices import COLUMNS
from domain.errors import InputError
from domain.simulation import SimulationStatus, StoredSimulation
from serve.auth.callers import Operator, Viewer
from serve.gateway.auditing import entry
from serve.gateway.context import GatewayDep
from serve.gateway.paging import Paging, to_answer
from serve.gateway.problems import ProblemError, invalid, not_found
from serve.routes.responses import CHANGES, OF_CLUSTER, SIGNED_IN
from serve.schemas.base import PageAnswer
from serve.schemas.simulations import NewSimulation, SimulationModel

router = APIRouter(prefix="/simulations", tags=["simulations"])


def starter() -> Starter:
    """Whoever computes simulations."""
    return RayStarter()


StarterDep = Annotated[Starter, Depends(starter)]


@router.post("", status_code=202, responses=CHANGES)
async def start_simulation(
    body: NewSimulation, caller: Operator, request: Request, gateway: GatewayDep, computing: StarterDep
) -> SimulationModel:
    """Have a scenario played; follow it at ``/simulations/{simulation_id}``."""
    services = gateway.services
    ordered = Ordered(scenario=body.scenario, recordings=_files(body), prices=_prices(body))
    try:
        check(ordered, body.replications)
    except InputError as err:
        raise invalid(err.obj, err.problem) from err
    now = services.clock.now()
    made = StoredSimulation(
        id=new_id(), organization_id=caller.home, name=body.scenario.name, status=SimulationStatus.QUEUED,
        body=ordered.as_bytes(), replications=body.replications, created_at=now, updated_at=now,
    )  # fmt: skip
    async with services.database.tenant(caller.home) as tx:
        if await tx.simulations.count_open(caller.home) >= MOST_OPEN:
            detail = f"{MOST_OPEN} simulations are under way; wait until one has ended"
            raise ProblemError(409, detail, kind="too-many-simulations")
        await tx.simulations.create(made)
        audited = entry(
            request, services.clock, actor=caller.email, organization_id=caller.home, event="simulation_started",
            resource=("simulation", str(made.id)), text=f"{made.replications} replications of {made.name}",
        )  # fmt: skip
        await tx.audit.append([audited])
    computing.start(made.id, caller.home)
    return SimulationModel.model_validate(made)


@router.get("", responses=SIGNED_IN)
async def list_simulations(caller: Viewer, gateway: GatewayDep, page: Paging) -> PageAnswer[SimulationModel]:
    """Simulations of the organisation, newest first."""
    async with gateway.services.database.tenant(caller.home) as tx:
        found = await tx.simulations.of_organization(caller.home, page)
    return to_answer(found, SimulationModel.model_validate)


@router.get("/{simulation_id}", responses=OF_CLUSTER)
async def get_simulation(
    simulation_id: UUID, caller: Viewer, gateway: GatewayDep, computing: StarterDep
) -> SimulationModel:
    """How a simulation stands. One whose process has died goes on from what is done."""
    services, now = gateway.services, gateway.services.clock.now()
    async with services.database.tenant(caller.home) as tx:
        found = await tx.simulations.get(simulation_id)
        lost = found is not None and await tx.simulations.touch(simulation_id, stale_before=now - SILENT, now=now)
    if found is None:
        raise not_found("simulation")
    if lost:
        computing.start(simulation_id, caller.home)
    return SimulationModel.model_validate(found)


def _files(body: NewSimulation) -> dict[str, dict[str, object]]:
    """Recordings as files of the SkyPilot format."""
    return {
        f"{one.zone}_{one.instance_type}_1.json": {"metadata": {"gap_seconds": one.tick_s}, "data": one.available}
        for one in body.recordings
    }


def _prices(body: NewSimulation) -> str:
    """Their prices as a table."""
    rows = [
        f"{one.zone},{one.instance_type},{each.at_h},{each.usd_per_h}" for one in body.recordings for each in one.prices
    ]
    return "\n".join([",".join(COLUMNS), *rows]) if rows else ""
