"""A fleet that is chosen once and refilled, without planning: measures the engine, and what planning is worth."""

from solvers.replay.cluster import Cluster
from solvers.replay.machine import Machine
from solvers.replay.market import PoolTape
from solvers.replay.policies.base import Bystander

AGAIN_S = 60.0
"""Between two tries to replace a node of which no pool had room."""


class Refill(Bystander):
    """Packs once onto the cheapest Spot types, spread over their zones; a node that goes is replaced by its like."""

    def begin(self, cluster: Cluster) -> None:
        """Launch what the pods need."""
        self.cluster = cluster
        price = _cheapest(cluster.market.tapes)
        for number, one in enumerate(self.packed(price)):
            tapes = _of_type(cluster.market.tapes, one.cheapest(price).name)
            first = number % len(tapes)
            for tape in (*tapes[first:], *tapes[:first]):
                if cluster.launch_spot((tape,), ready=True) is not None:
                    break
            else:
                cluster.launch_on_demand(one.cheapest(price), cluster.market.zones[tapes[0].pool.zone_id], ready=True)

    def on_notice(self, machine: Machine, ends_s: float) -> None:
        """Replace it at once, and move its pods."""
        self._replace(machine)
        self.cluster.drain(machine)

    def on_lost(self, machine: Machine) -> None:
        """Replace a node of which no notice came."""
        self._replace(machine)

    def _replace(self, machine: Machine) -> None:
        if machine.tape is None or machine.replaced:
            return
        machine.replaced = self.cluster.launch_spot(_of_type(self.cluster.market.tapes, machine.kind.name)) is not None
        if not machine.replaced:
            self.cluster.agenda.at(self.cluster.now_s + AGAIN_S, self._replace, machine)


def _of_type(tapes: tuple[PoolTape, ...], name: str) -> tuple[PoolTape, ...]:
    return tuple(tape for tape in tapes if tape.pool.instance_type == name)


def _cheapest(tapes: tuple[PoolTape, ...]) -> dict[str, float]:
    price: dict[str, float] = {}
    for tape in tapes:
        name = tape.pool.instance_type
        price[name] = min(price.get(name, tape.price.at(0.0)), tape.price.at(0.0))
    return price
