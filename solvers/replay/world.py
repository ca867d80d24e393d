"""A market with clusters in it, run from the start to the horizon."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from solvers.replay.agenda import Agenda
from solvers.replay.cloud import Cloud
from solvers.replay.cluster import Cluster
from solvers.replay.market import Market
from solvers.replay.policy import Policy
from solvers.replay.tally import Tally
from solvers.replay.workload import Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenancy:
    """A cluster to be: whose it is and what it runs."""

    tenant: str
    workload: Workload


class World:
    """All clusters of a market under one kind of policy."""

    def __init__(self, market: Market, tenancies: Sequence[Tenancy], *, loss_share: float = 0.5) -> None:
        self.market = market
        self.agenda = Agenda()
        self.cloud = Cloud(market, self.agenda)
        self.clusters = [
            Cluster(self.cloud, one.workload, index=index, tenant=one.tenant, loss_share=loss_share)
            for index, one in enumerate(tenancies)
        ]

    def run(self, make: Callable[[Cluster], Policy]) -> list[Tally]:
        """Let time pass up to the horizon; returns what came of each cluster."""
        for cluster in self.clusters:
            cluster.begin(make(cluster))
        self.agenda.run(self.market.horizon_s)
        return [cluster.finish() for cluster in self.clusters]
