"""What any database must do with simulations."""

from datetime import timedelta

from adapters.postgres.ids import new_id
from adapters.postgres.ports import Database
from domain.paging import PageRequest
from domain.simulation import SimulationStatus, StoredSimulation
from domain.tenancy import Organization
from tests.unit.postgres.builders import NOW, add_organization, after


def make_simulation(organization: Organization, **fields: object) -> StoredSimulation:
    made = StoredSimulation(
        id=new_id(), organization_id=organization.id, name="shop", status=SimulationStatus.QUEUED, body=b"{}",
        replications=10, created_at=NOW, updated_at=NOW,
    )  # fmt: skip
    return type(made)(**({name: getattr(made, name) for name in made.__dataclass_fields__} | fields))


async def test_a_simulation_is_seen_by_its_organisation_alone(database: Database) -> None:
    mine, other = await add_organization(database), await add_organization(database)
    made = make_simulation(mine)
    async with database.tenant(mine.id) as tx:
        await tx.simulations.create(made)
        assert await tx.simulations.get(made.id) == made
        assert (await tx.simulations.of_organization(mine.id, PageRequest(limit=5))).items == (made,)
        assert await tx.simulations.count_open(mine.id) == 1
    async with database.tenant(other.id) as tx:
        assert await tx.simulations.get(made.id) is None
        assert not await tx.simulations.keep(made.id, 0, b"[]", done=1, now=NOW)
        assert await tx.simulations.parts(made.id) == {}


async def test_batches_are_kept_until_the_simulation_ends(database: Database) -> None:
    mine = await add_organization(database)
    made = make_simulation(mine)
    async with database.platform() as tx:
        await tx.simulations.create(made)
        assert await tx.simulations.keep(made.id, 1, b"[1]", done=4, now=after(1))
        assert await tx.simulations.keep(made.id, 0, b"[0]", done=8, now=after(2))
        assert await tx.simulations.keep(made.id, 0, b"[9]", done=8, now=after(2))
        assert await tx.simulations.parts(made.id) == {0: b"[0]", 1: b"[1]"}
        running = await tx.simulations.get(made.id)
        assert running is not None
        assert (running.status, running.done) == (SimulationStatus.RUNNING, 8)
        done = SimulationStatus.COMPLETED
        assert await tx.simulations.end(made.id, done, summary={"ours": 1}, error="", now=after(3))
        assert not await tx.simulations.end(made.id, done, summary={}, error="", now=after(4))
        assert not await tx.simulations.keep(made.id, 2, b"[]", done=9, now=after(4))
        assert await tx.simulations.parts(made.id) == {}
        ended = await tx.simulations.get(made.id)
        assert ended is not None
        assert (ended.summary, ended.ended_at) == ({"ours": 1}, after(3))
        assert await tx.simulations.count_open(mine.id) == 0


async def test_a_silent_simulation_is_claimed_once(database: Database) -> None:
    made = make_simulation(await add_organization(database))
    async with database.platform() as tx:
        await tx.simulations.create(made)
        late = NOW + timedelta(minutes=10)
        assert not await tx.simulations.touch(made.id, stale_before=NOW, now=late)
        assert await tx.simulations.touch(made.id, stale_before=late, now=late)
        assert not await tx.simulations.touch(made.id, stale_before=late, now=late)
