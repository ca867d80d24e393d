"""On demand only: what savings are measured against."""

from solvers.replay.cluster import Cluster
from solvers.replay.machine import Stage
from solvers.replay.policies.base import Bystander


class OnDemand(Bystander):
    """Packs by first fit onto the cheapest on-demand types and leaves them."""

    def begin(self, cluster: Cluster) -> None:
        """Launch what the pods need."""
        self.cluster = cluster
        self._launch(ready=True)

    def on_pending(self) -> None:
        """Launch what they need."""
        self._launch(ready=False)

    def on_quiet(self) -> None:
        """End nodes that stand empty when pods come and go."""
        for machine in list(self.cluster.machines.values()):
            if not machine.pods and machine.stage is Stage.READY:
                self.cluster.end(machine)

    def _launch(self, *, ready: bool) -> None:
        price = self.cluster.market.on_demand_usd_per_h
        zones = sorted(self.cluster.market.zones)
        for number, one in enumerate(self.packed(price)):
            zone = self.cluster.market.zones[zones[number % len(zones)]]
            self.cluster.launch_on_demand(one.cheapest(price), zone, ready=ready)
