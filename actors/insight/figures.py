"""From a census, prices and the baseline to the figures of a cluster. Pure."""

from collections.abc import Sequence
from datetime import datetime

from actors.insight.census import Census
from actors.insight.prices import PriceTable
from domain.spend import Baseline, ClusterFleet, FleetDue, NodeGroup, totals
from domain.work import StoredSnapshot


def figures_of(
    due: FleetDue,
    snapshot: StoredSnapshot,
    *,
    census: Census,
    prices: PriceTable,
    baseline: Baseline,
    planned: Sequence[NodeGroup],
    now: datetime,
) -> ClusterFleet:
    """What a cluster runs and costs, what it would have cost, and what its open plan would still save.

    Parameters
    ----------
    planned
        The nodes that the open plan leads to, empty without one.
    """
    groups = tuple(map(prices.priced, census.groups))
    cost, on_demand = totals(groups)
    before, before_on_demand = totals(map(prices.priced, baseline.groups))
    after, after_on_demand = totals(map(prices.priced, planned)) if planned else (cost, on_demand)
    return ClusterFleet(
        cluster_id=due.cluster_id,
        organization_id=due.organization_id,
        observed_at=snapshot.observed_at,
        figured_at=now,
        snapshot_hash=snapshot.hash,
        nodes=census.nodes,
        spot_nodes=census.spot_nodes,
        ready_nodes=census.ready_nodes,
        unpriced_nodes=sum(group.nodes for group in groups if not group.priced),
        pods=census.pods,
        pending_pods=census.pending_pods,
        workload_mcpu=census.workload_mcpu,
        cost_micro_usd_per_h=cost,
        on_demand_micro_usd_per_h=on_demand,
        baseline_micro_usd_per_h=baseline.scaled(before, census.workload_mcpu),
        baseline_on_demand_micro_usd_per_h=baseline.scaled(before_on_demand, census.workload_mcpu),
        groups=groups,
        plan_mark=due.plan_mark,
        plan_saving_micro_usd_per_h=cost - after,
        plan_spot_saving_micro_usd_per_h=(after_on_demand - after) - (on_demand - cost),
    )
