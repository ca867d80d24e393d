"""Plans a cluster: from a snapshot, a catalogue and a policy to an immutable plan with its proof and its reasons."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from domain.market import CapacityType, Catalog
from domain.plan import Plan, Progress, Reason
from domain.policy import Policy
from domain.snapshot import Snapshot
from solvers.placement import explain
from solvers.placement.assembly import Assembly, Outcome
from solvers.placement.encode import Encoded, encode
from solvers.placement.freedom import Freedom, freedom_of
from solvers.placement.moves import Order, Sequencer, Transition, gains_of
from solvers.placement.packing import Flags, Ints
from solvers.placement.prices import as_from_scratch, with_prices
from solvers.placement.retype import Within, keeps, within_limits
from solvers.placement.risk import RiskNode, fleet_risk, risk_nodes
from solvers.placement.search import Found, Search
from solvers.placement.settings import Budget, Settings
from solvers.placement.settle import Ending
from solvers.placement.view import Running

MAX_SEARCHES = 4
"""Times that the search begins anew without the nodes that had to be held back."""

FEW_HELD_BACK = 0.02
"""Share of the nodes to empty that may be held back without a new search: their room is not missed."""

NOTHING = np.empty(0, np.int64)

OnProgress = Callable[[Progress], None]


def plan_cluster(
    snapshot: Snapshot,
    *,
    catalog: Catalog,
    policy: Policy,
    settings: Settings,
    clock: Callable[[], float],
    on_progress: OnProgress | None = None,
) -> Plan:
    """Plan a cluster.

    Parameters
    ----------
    snapshot
        The cluster. Prices of running nodes are joined from the catalogue.
    catalog
        Types and offerings of its region and zones.
    policy, settings
        What is allowed and wanted; how long to search.
    clock
        Seconds from any moment; the solver has no clock of its own.
    on_progress
        Told of every better cost and bound.

    Returns
    -------
    Plan
        With ``settings.from_scratch`` it is a plan for ``as_from_scratch(snapshot)``. It can always be carried
        out: what cannot is left out of it, with a reason.
    """
    run = _Run(
        snapshot=with_prices(as_from_scratch(snapshot) if settings.from_scratch else snapshot, catalog),
        catalog=catalog, policy=policy, settings=settings, budget=_budget(snapshot, settings, clock),
        on_progress=on_progress,
    )  # fmt: skip
    return run.plan()


def _budget(snapshot: Snapshot, settings: Settings, clock: Callable[[], float]) -> Budget:
    bound = sum(bool(pod.affinity or pod.anti_affinity or pod.spread or pod.host_ports) for pod in snapshot.pods)
    return Budget(settings, clock, pods=len(snapshot.pods), bound_pods=bound)


@dataclass(slots=True, kw_only=True)
class _Run:
    """One run of the planner. ``blocked`` tells why nodes that the search wanted to empty are left alone after all."""

    snapshot: Snapshot
    catalog: Catalog
    policy: Policy
    settings: Settings
    budget: Budget
    on_progress: OnProgress | None
    trace: list[Progress] = field(default_factory=list)
    blocked: dict[int, Reason] = field(default_factory=dict)
    encoded: Encoded = field(init=False)
    freedom: Freedom = field(init=False)
    search: Search = field(init=False)
    pods_on: dict[int, list[int]] = field(init=False)
    held: Ints = field(init=False)
    takes: Flags = field(init=False)
    pending: tuple[int, ...] = field(init=False)

    def plan(self) -> Plan:
        """Search, order, explain."""
        self.encoded = encode(self.snapshot, catalog=self.catalog, policy=self.policy)
        self.freedom = freedom_of(self.snapshot, self.policy)
        self._locate_pods()
        self.search = Search(
            encoded=self.encoded, budget=self.budget, rng=np.random.default_rng(self.settings.seed),
            report=self._report, pods=self._planned_pods(), running=self._running(), sunk_usd_per_h=self._sunk(),
        )  # fmt: skip
        self.search.relax()
        if not self.snapshot.nodes:
            return self._finish(self._carried_out(self.search.from_scratch()), "")
        return self._from_running()

    def _from_running(self) -> Plan:
        """Search from what runs. Where much cannot be carried out it is left alone and the rest planned anew."""
        best: Outcome | None = None
        for _ in range(MAX_SEARCHES):
            found = self._search(self._may_go())
            outcome = self._carried_out(found)
            if best is None or self._rank(outcome) < self._rank(best):
                best = outcome
            if len(outcome.held_back) <= FEW_HELD_BACK * len(found.removed):
                break
            self.blocked |= outcome.held_back
        if best is None or not best.found.removed:
            return self._finish(best or self._carried_out(self._search(NOTHING)), "")
        still = self._carried_out(self._search(NOTHING))
        quiet = self._too_little(best, still)
        return self._finish(still if quiet else best, quiet)

    def _rank(self, outcome: Outcome) -> tuple[int, float]:
        """Fewer pods without a place come first, then what costs less."""
        return sum(p not in outcome.target_of for p in self.pending), self._cost(outcome.found, outcome.sites)

    def _locate_pods(self) -> None:
        place = {node.name: n for n, node in enumerate(self.encoded.nodes)}
        self.pods_on = {n: [] for n in range(len(self.encoded.nodes))}
        self.held = np.zeros((len(self.encoded.nodes), len(self.encoded.rules.size)), np.int64)
        for p, pod in enumerate(self.encoded.pods):
            if pod.node_name:
                self.pods_on[place[pod.node_name]].append(p)
                self.held[place[pod.node_name], self.encoded.class_of[p]] += 1
        self.pending = tuple(p for p, pod in enumerate(self.encoded.pods) if not pod.node_name)
        self.takes = np.array([node.ready and not node.cordoned for node in self.encoded.nodes], np.uint8)

    def _priced(self) -> Ints:
        known = [n for n, node in enumerate(self.encoded.nodes) if node.price_usd_per_h is not None]
        return np.array(known, np.int64)

    def _staying(self) -> Ints:
        """Nodes of known price that stay whatever is planned."""
        return np.array([n for n in self._priced() if self.encoded.nodes[n].name in self.freedom.staying], np.int64)

    def _sunk(self) -> float:
        return sum(self.encoded.nodes[n].price_usd_per_h or 0.0 for n in self._staying())

    def _running(self) -> Running:
        nodes = self._priced()
        stays = np.isin(nodes, self._staying())
        room = self.encoded.capacity[len(self.encoded.launchables) + nodes]
        used = self.held[nodes] @ self.encoded.rules.size
        room = np.where(stays[:, None], room - used, np.maximum(room, used))
        return Running(nodes=nodes, room=np.maximum(room, 0), stays=stays)

    def _by_class(self, pods: Sequence[int]) -> Ints:
        classes = self.encoded.class_of[list(pods)]
        return np.bincount(classes, minlength=len(self.encoded.rules.size)).astype(np.int64)

    def _planned_pods(self) -> Ints:
        """Pods by class that the bound is about: those that wait or run on nodes that may go."""
        may_go = np.setdiff1d(self._priced(), self._staying())
        return self._by_class(self.pending) + self.held[may_go].sum(axis=0)

    def _may_go(self) -> Ints:
        staying = self.freedom.staying
        free = [n for n, node in enumerate(self.encoded.nodes) if node.name not in staying and n not in self.blocked]
        return np.array(free, np.int64)

    def _search(self, may_go: Ints) -> Found:
        movable = np.zeros_like(self.held)
        movable[may_go] = self.held[may_go]
        sites = len(self.encoded.launchables) + np.arange(len(self.encoded.nodes))
        return self.search.from_running(
            held=self.held, room=self.encoded.capacity[sites], takes=self.takes, pending=self._by_class(self.pending),
            movable=movable, may_go=may_go, eviction_cost=self.policy.eviction_cost_usd_per_h,
            node_min_saving=self.policy.node_min_saving_share,
        )  # fmt: skip

    def _too_little(self, outcome: Outcome, still: Outcome) -> str:
        """Why the moves found are not worth making against moving nothing, empty when they are."""
        if self._rank(outcome)[0] < self._rank(still)[0]:
            return ""
        now = self._cost(still.found, still.sites)
        share = 1.0 - self._cost(outcome.found, outcome.sites) / now if now else 0.0
        if share > 0.0 and share >= self.policy.min_saving_share:
            return ""
        return (
            f"All moves together would save {max(0.0, share):.1%} of the bill, less than the "
            f"{self.policy.min_saving_share:.1%} worth any disruption."
        )

    def _cost(self, found: Found, sites: Mapping[int, int]) -> float:
        gone = sum(self.encoded.nodes[n].price_usd_per_h or 0.0 for n in found.removed)
        return self._cost_now() - gone + float(self.encoded.price[list(sites.values())].sum())

    def _carried_out(self, found: Found) -> Outcome:
        """Choose offerings within the limits, order the moves, and give the pending pods their places.

        Nodes in the way of that are held back, until what is left can be carried out. Moving nothing always can.
        """
        held_back: dict[int, Reason] = {}
        while True:
            within = self._within_limits(found)
            if within.why and found.removed:
                reasons = dict.fromkeys(self._half(found), explain.limit_reason(within.why))
            else:
                order = self._order(found, within)
                if not order.stuck:
                    return self._ended(found, within, order, held_back)
                reasons = {n: explain.no_order_reason(self.encoded.pods[p]) for n, p in order.stuck.items()}
            held_back |= reasons
            found = replace(found, removed=found.removed - reasons.keys())

    def _half(self, found: Found) -> list[int]:
        """Half of the nodes that would go, on-demand ones first: they make the share of Spot smaller."""
        ranked = sorted(found.removed, key=lambda n: (self.encoded.nodes[n].capacity_type is CapacityType.SPOT, n))
        return ranked[: -(-len(ranked) // 2)]

    def _ended(self, found: Found, within: Within, order: Order, held_back: Mapping[int, Reason]) -> Outcome:
        ending = Ending(self.encoded, order, sites=within.sites, max_concurrent=self.policy.max_concurrent_actions)
        builder = self.search.builder(order.rules, order.state)
        ending.place(self.pending, builder, may_launch=not self.policy.limits_pools)
        unused = ending.unused()
        if unused and self._holds([site for node, site in ending.sites.items() if node not in unused], found):
            ending.drop(unused)
        return Outcome(
            found=found, sites=ending.sites, moves=tuple(ending.moves), limit=within.why, state=order.state,
            target_of={**order.target_of, **ending.target_of}, held_back=held_back,
        )  # fmt: skip

    def _within_limits(self, found: Found) -> Within:
        new = found.builder.new_nodes()
        if not self.policy.limits_pools:
            return Within(sites={int(node): int(found.state.site[node]) for node in new})
        before, fixed = self._before_and_fixed(found)
        return within_limits(self.encoded, found.state, new, policy=self.policy, fixed=fixed, before=before)

    def _holds(self, sites: Sequence[int], found: Found) -> bool:
        """Whether launches on just these sites keep the limits on Spot."""
        if not self.policy.limits_pools:
            return True
        before, fixed = self._before_and_fixed(found)
        return keeps(self.encoded, sites, policy=self.policy, fixed=fixed, before=before)

    def _before_and_fixed(self, found: Found) -> tuple[Sequence[RiskNode], Sequence[RiskNode]]:
        stay = [node for n, node in enumerate(self.encoded.nodes) if n not in found.removed]
        return risk_nodes(self.encoded.nodes, self.catalog), risk_nodes(stay, self.catalog)

    def _order(self, found: Found, within: Within) -> Order:
        stay = [n for n in range(len(self.encoded.nodes)) if n not in found.removed]
        sites = len(self.encoded.launchables) + np.arange(len(self.encoded.nodes))
        slots = len(found.state.site) + int(found.nowhere.sum()) + 1
        state = self.search.running_state(self.held, self.encoded.capacity[sites], self.takes, slots=slots)
        return Sequencer(
            self.encoded, state,
            transition=Transition(
                removed=tuple(sorted(found.removed)), launched=within.sites,
                gains=gains_of(found.state, self.held, slots=[*stay, *within.sites]),
            ),
            pods_on=self.pods_on, budgets_of=[self.freedom.budgets_of[pod.key] for pod in self.encoded.pods],
            allowance=[budget.disruptions_allowed for budget in self.snapshot.budgets],
            max_concurrent=self.policy.max_concurrent_actions,
        ).run()  # fmt: skip

    def _cost_now(self) -> float:
        return sum(node.price_usd_per_h or 0.0 for node in self.encoded.nodes)

    def _finish(self, outcome: Outcome, quiet: str) -> Plan:
        assembly = Assembly(
            snapshot=self.snapshot, catalog=self.catalog, policy=self.policy, encoded=self.encoded, held=self.held,
            value=self.search.value_of_class(), outcome=outcome, quiet=quiet,
            staying=dict(self.freedom.staying)
            | {self.encoded.nodes[n].name: why for n, why in (self.blocked | dict(outcome.held_back)).items()},
        )  # fmt: skip
        nodes = assembly.nodes()
        cost = sum(node.price_usd_per_h or 0.0 for node in nodes)
        bound = self._bound(outcome, cost)
        self._report("done", cost, bound)
        return Plan(
            cost_usd_per_h=self._cost_now(),
            planned_cost_usd_per_h=cost,
            lower_bound_usd_per_h=bound,
            nodes=nodes,
            actions=assembly.actions(),
            kept=assembly.kept(),
            unschedulable=assembly.unschedulable(),
            risk_before=fleet_risk(risk_nodes(self.encoded.nodes, self.catalog), policy=self.policy),
            risk_after=fleet_risk(risk_nodes(nodes, self.catalog), policy=self.policy),
            seconds=self.budget.seconds(),
            seed=self.settings.seed,
            trace=tuple(self.trace),
            notes=self.snapshot.notes + self.catalog.notes,
        )

    def _bound(self, outcome: Outcome, cost: float) -> float:
        unplaced = self._by_class([p for p in self.pending if p not in outcome.target_of])
        bound = self.search.bound.bound_without(self.search.view.demand_of(unplaced))
        return min(self.search.proven(bound), cost)

    def _report(self, phase: str, cost: float | None, bound: float) -> None:
        progress = Progress(
            seconds=self.budget.seconds(), phase=phase, cost_usd_per_h=cost, lower_bound_usd_per_h=bound
        )
        self.trace.append(progress)
        if self.on_progress is not None:
            self.on_progress(progress)
