"""Costs, the bound and the limits on risk, computed anew."""

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from domain import co_interruption as co
from domain.market import CapacityType, Catalog
from domain.node import Node
from domain.plan import Plan, PlannedNode
from domain.policy import Policy
from domain.snapshot import Snapshot
from domain.units import MCPU_PER_CPU
from solvers.checker.ledger import Ledger
from solvers.checker.violation import Rule

TOLERANCE = 1e-6
"""Relative for costs, USD per hour for the bound: above what summing floats in another order can differ."""

PoolKey = tuple[str, str]
"""Instance type and zone id; one plan is about one region."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """vCPUs of some nodes: in all, by Spot pool, and the probability per month that AWS takes a pool as a whole."""

    vcpus: int
    by_pool: dict[PoolKey, int]
    loss: dict[PoolKey, float]

    def share(self, pool: PoolKey) -> float:
        """Share (0..1) of all vCPUs in one Spot pool."""
        return self.by_pool.get(pool, 0) / self.vcpus if self.vcpus else 0.0

    def probability_of_losing_over(self, share: float) -> float:
        """Probability per month that more than a share of all vCPUs is lost at once.

        By `domain.co_interruption`: what pools lose on their own in any window of the month, and what each shock to a
        type or a zone takes. The distribution of the lost vCPUs is built pool by pool.
        """
        most = math.floor(share * self.vcpus + TOLERANCE)
        rate = {pool: -math.log1p(-min(loss, co.MOST_PROBABLE)) for pool, loss in self.loss.items() if loss > 0}
        quiet = 1 - self._over(most, {pool: -math.expm1(-co.ALONE_SHARE * each / co.WINDOWS_PER_MONTH)
                                      for pool, each in rate.items()})  # fmt: skip
        shocks = 0.0
        for kind, place in ((co.TYPE_SHOCK, 0), (co.ZONE_SHOCK, 1)):
            for name in {pool[place] for pool in rate}:
                hit = {pool: each for pool, each in rate.items() if pool[place] == name}
                per_month = kind.share * max(hit.values()) / kind.takes
                odds = {pool: kind.share * each / per_month for pool, each in hit.items()}
                shocks += per_month * self._over(most, odds)
        return 1 - math.pow(quiet, co.WINDOWS_PER_MONTH) * math.exp(-shocks)

    def _over(self, most: int, odds: dict[PoolKey, float]) -> float:
        lost = np.zeros(self.vcpus + 1)
        lost[0] = 1.0
        for pool, chance in odds.items():
            taken = np.zeros_like(lost)
            taken[self.by_pool[pool] :] = lost[: len(lost) - self.by_pool[pool]]
            lost = (1 - chance) * lost + chance * taken
        return float(lost[most + 1 :].sum())


def fleet(nodes: Iterable[Node | PlannedNode], catalog: Catalog) -> Fleet:
    """Count vCPUs; of a type that the catalogue does not know, those that pods can have."""
    total, by_pool, loss = 0, defaultdict[PoolKey, int](int), defaultdict[PoolKey, float](float)
    for node in nodes:
        kind = catalog.types.get(node.instance_type)
        vcpus = kind.vcpu if kind is not None else math.ceil(node.allocatable.cpu_mcpu / MCPU_PER_CPU)
        total += vcpus
        if node.capacity_type is CapacityType.SPOT:
            pool = (node.instance_type, node.zone.id)
            by_pool[pool] += vcpus
            loss[pool] = max(loss[pool], node.interruption_per_month)
    return Fleet(vcpus=total, by_pool=dict(by_pool), loss=dict(loss))


def judge_costs(snapshot: Snapshot, *, plan: Plan, ledger: Ledger) -> None:
    """Sums of prices, and a bound that no plan which places every pod can undercut.

    The bound is not compared when a planned node has no known price, because its cost is left out.
    """
    _same(plan.cost_usd_per_h, snapshot.nodes, what="cost_usd_per_h", ledger=ledger)
    _same(plan.planned_cost_usd_per_h, plan.nodes, what="planned_cost_usd_per_h", ledger=ledger)
    comparable = not plan.unschedulable and all(node.price_usd_per_h is not None for node in plan.nodes)
    bound, cost = plan.lower_bound_usd_per_h, plan.planned_cost_usd_per_h
    if comparable and not bound <= cost + TOLERANCE:
        ledger.note(Rule.BOUND, "plan", text=f"the lower bound {bound} is above the planned cost {cost}")


def judge_limits(snapshot: Snapshot, *, catalog: Catalog, policy: Policy, plan: Plan, ledger: Ledger) -> None:
    """The policy's limits on one Spot pool and on losing much at once.

    A limit that the running nodes break already is no fault of the plan as long as it makes the share or the
    probability no larger and launches nothing into that pool (or, for the probability, no Spot node).
    """
    before, after = fleet(snapshot.nodes, catalog), fleet(plan.nodes, catalog)
    new = [n for n in plan.nodes if not n.existing and n.capacity_type is CapacityType.SPOT]
    fed = {(node.instance_type, node.zone.id) for node in new}
    for pool in after.by_pool:
        share = after.share(pool)
        worse = pool in fed or share > before.share(pool) + TOLERANCE
        if worse and share > policy.max_pool_share + TOLERANCE:
            text = f"{share:.4f} of the vCPUs are in Spot pool {pool[0]} in {pool[1]}, limit {policy.max_pool_share}"
            ledger.note(Rule.POOL_SHARE, "plan", text=text)
    _loss(before, after, policy=policy, launches_spot=bool(new), ledger=ledger)


def _loss(before: Fleet, after: Fleet, *, policy: Policy, launches_spot: bool, ledger: Ledger) -> None:
    if policy.max_loss_probability >= 1:
        return
    chance, was = (f.probability_of_losing_over(policy.max_loss_share) for f in (after, before))
    worse = launches_spot or chance > was + TOLERANCE
    if worse and chance > policy.max_loss_probability + TOLERANCE:
        limit = f"limit {policy.max_loss_probability}"
        text = f"more than {policy.max_loss_share} of the vCPUs are lost with probability {chance:.6f}, {limit}"
        ledger.note(Rule.LOSS_PROBABILITY, "plan", text=text)


def _same(stated: float, nodes: Iterable[Node | PlannedNode], *, what: str, ledger: Ledger) -> None:
    cost = math.fsum(node.price_usd_per_h or 0.0 for node in nodes)
    if not math.isclose(stated, cost, rel_tol=TOLERANCE, abs_tol=TOLERANCE):
        ledger.note(Rule.COST, "plan", text=f"{what} is {stated}, the prices of its nodes add up to {cost}")
