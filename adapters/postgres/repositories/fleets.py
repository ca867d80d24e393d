"""What clusters run and cost, and the hours made of it."""

from datetime import datetime
from uuid import UUID

from adapters.postgres.ports.fleets import OPEN_PLAN, UNHEARD_S
from adapters.postgres.queries import load
from adapters.postgres.repositories.base import Repository
from adapters.postgres.rows import Row, read_all, values_of
from domain.market import CapacityType
from domain.spend import Baseline, ClusterFleet, FleetDue, NodeGroup

SQL = load("fleets")


class PostgresFleets(Repository):
    """`adapters.postgres.ports.Fleets`."""

    __slots__ = ()

    async def due(self, *, before: datetime, most: int) -> tuple[FleetDue, ...]:
        """Clusters whose figures are older than what they are made of."""
        rows = await self._session.rows(SQL["due"], {"before": before, "most": most})
        return read_all(FleetDue, rows)

    async def get(self, cluster_id: UUID) -> ClusterFleet | None:
        """The figures of a cluster."""
        row = await self._session.row(SQL["get"], {"cluster_id": cluster_id})
        return None if row is None else ClusterFleet(**{**dict(row.items()), "groups": _groups(row)})

    async def put(self, fleet: ClusterFleet) -> None:
        """Keep the figures of a cluster."""
        await self._session.run(SQL["put"], {**values_of(fleet), "groups": _stored(fleet.groups)})

    async def add_rates(self, fleet: ClusterFleet) -> None:
        """Keep what it costs from now on."""
        await self._session.run(SQL["add_rates"], values_of(fleet))

    async def baseline(self, cluster_id: UUID) -> Baseline | None:
        """What savings of a cluster are told against."""
        row = await self._session.row(SQL["baseline"], {"cluster_id": cluster_id})
        return None if row is None else Baseline(**{**dict(row.items()), "groups": _groups(row)})

    async def set_baseline(self, baseline: Baseline) -> bool:
        """Keep a baseline unless there is one."""
        values = {**values_of(baseline), "groups": _stored(baseline.groups)}
        return await self._session.run(SQL["set_baseline"], values) > 0

    async def planned(self, plan_id: UUID) -> tuple[NodeGroup, ...]:
        """The nodes that a plan leads to."""
        rows = await self._session.rows(SQL["planned"], {"plan_id": plan_id, "open": OPEN_PLAN})
        return tuple(
            NodeGroup(
                instance_type=row["instance_type"],
                zone_id=row["zone_id"],
                capacity_type=CapacityType(row["capacity_type"]),
                nodes=row["nodes"],
            )
            for row in rows
        )

    async def fill_hour(self, hour: datetime) -> int:
        """Make one hour's savings of all clusters."""
        return await self._session.run(SQL["fill_hour"], {"hour": hour, "unheard_s": UNHEARD_S})

    async def prune(self, before: datetime) -> int:
        """Delete rates that ended before that time."""
        return await self._session.run(SQL["prune"], {"before": before})


def _groups(row: Row) -> tuple[NodeGroup, ...]:
    return tuple(map(NodeGroup.from_json, row["groups"]))


def _stored(groups: tuple[NodeGroup, ...]) -> list[dict[str, object]]:
    return [group.to_json() for group in groups]
