"""Plans a cluster: from a snapshot, a catalogue and a policy to an immutable plan with its proof and its reasons."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from domain.market import Catalog
from domain.plan import Action, ActionKind, KeptNode, Plan, PlannedNode, Progress, Reason, Unschedulable
from domain.policy import Policy
from domain.snapshot import Snapshot
from solvers.placement import explain
from solvers.placement.encode import Encoded, encode
from solvers.placement.engine import State
from solvers.placement.freedom import Freedom, freedom_of
from solvers.placement.moves import Move, Order, Sequencer, Transition, gains_of
from solvers.placement.packing import Ints
from solvers.placement.prices import as_from_scratch, with_prices
from solvers.placement.retype import limited, within_limits
from solvers.placement.risk import fleet_risk, risk_nodes
from solvers.placement.search import Found, Search
from solvers.placement.settings import Budget, Settings

MAX_REPLANS = 4
"""Times that nodes which cannot be emptied in any order are taken out of the plan before nothing is moved at all."""

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
        With ``settings.from_scratch`` it is a plan for ``as_from_scratch(snapshot)``.

    Raises
    ------
    InputError
        When the policy's limits cannot be kept by any choice of offerings.
    """
    run = _Run(
        snapshot=with_prices(as_from_scratch(snapshot) if settings.from_scratch else snapshot, catalog),
        catalog=catalog, policy=policy, settings=settings, budget=_budget(snapshot, settings, clock), on_progress=on_progress,
    )  # fmt: skip
    return run.plan()


def _budget(snapshot: Snapshot, settings: Settings, clock: Callable[[], float]) -> Budget:
    bound = sum(bool(pod.affinity or pod.anti_affinity or pod.spread or pod.host_ports) for pod in snapshot.pods)
    return Budget(settings, clock, pods=len(snapshot.pods), bound_pods=bound)


@dataclass(slots=True, kw_only=True)
class _Run:
    """One run of the planner."""

    snapshot: Snapshot
    catalog: Catalog
    policy: Policy
    settings: Settings
    budget: Budget
    on_progress: OnProgress | None
    trace: list[Progress] = field(default_factory=list)
    encoded: Encoded = field(init=False)
    freedom: Freedom = field(init=False)
    search: Search = field(init=False)
    pods_on: dict[int, list[int]] = field(init=False)
    held: Ints = field(init=False)

    def plan(self) -> Plan:
        """Search, order, explain."""
        self.encoded = encode(self.snapshot, catalog=self.catalog, policy=self.policy)
        self.freedom = freedom_of(self.snapshot, self.policy)
        self._locate_pods()
        self.search = Search(
            encoded=self.encoded, budget=self.budget, rng=np.random.default_rng(self.settings.seed),
            report=self._report, pods=self._planned_pods(), running=self._priced(),
        )  # fmt: skip
        self.search.relax()
        if not self.snapshot.nodes:
            found = self.search.from_scratch()
            return self._finish(found, self._order(found), "")
        return self._from_running()

    def _from_running(self) -> Plan:
        """Search from what runs; nodes that cannot be emptied in any order are left alone and the rest planned anew."""
        blocked: set[int] = set()
        for attempt in range(MAX_REPLANS + 1):
            may_go = self._may_go(blocked) if attempt < MAX_REPLANS else np.empty(0, np.int64)
            found = self._search(may_go)
            quiet = self._too_little(found)
            if quiet and may_go.size:
                found = self._search(np.empty(0, np.int64))
            order = self._order(found)
            if not order.stuck:
                return self._finish(found, order, quiet)
            blocked |= order.stuck
        raise AssertionError("a plan without removals has nothing to order")

    def _locate_pods(self) -> None:
        place = {node.name: n for n, node in enumerate(self.encoded.nodes)}
        self.pods_on = {n: [] for n in range(len(self.encoded.nodes))}
        self.held = np.zeros((len(self.encoded.nodes), len(self.encoded.rules.size)), np.int64)
        for p, pod in enumerate(self.encoded.pods):
            if pod.node_name:
                self.pods_on[place[pod.node_name]].append(p)
                self.held[place[pod.node_name], self.encoded.class_of[p]] += 1

    def _priced(self) -> Ints:
        known = [n for n, node in enumerate(self.encoded.nodes) if node.price_usd_per_h is not None]
        return np.array(known, np.int64)

    def _pending(self) -> Ints:
        waiting = [c for pod, c in zip(self.encoded.pods, self.encoded.class_of, strict=True) if not pod.node_name]
        return np.bincount(np.array(waiting, np.int64), minlength=len(self.encoded.rules.size)).astype(np.int64)

    def _planned_pods(self) -> Ints:
        """Pods by class that the bound is about: those on nodes of unknown price are part of what is left out."""
        return self._pending() + self.held[self._priced()].sum(axis=0)

    def _may_go(self, blocked: set[int]) -> Ints:
        free = [
            n for n, node in enumerate(self.encoded.nodes) if node.name not in self.freedom.staying and n not in blocked
        ]
        return np.array(free, np.int64)

    def _search(self, may_go: Ints) -> Found:
        movable = np.zeros_like(self.held)
        movable[may_go] = self.held[may_go]
        sites = len(self.encoded.launchables) + np.arange(len(self.encoded.nodes))
        takes = np.array([node.ready and not node.cordoned for node in self.encoded.nodes], np.uint8)
        return self.search.from_running(
            held=self.held, room=self.encoded.capacity[sites], takes=takes, pending=self._pending(), movable=movable,
            may_go=may_go, eviction_cost=self.policy.eviction_cost_usd_per_h,
            node_min_saving=self.policy.node_min_saving_share,
        )  # fmt: skip

    def _too_little(self, found: Found) -> str:
        """Why the changes found are not worth making, empty when they are."""
        if not found.removed:
            return ""
        now = self._cost_now()
        launched = found.state.site[found.builder.new_nodes()]
        new = float(self.encoded.price[launched].sum())
        gone = sum(self.encoded.nodes[n].price_usd_per_h or 0.0 for n in found.removed)
        if self._pending().any() or gone - new >= self.policy.min_saving_share * now:
            return ""
        share = (gone - new) / now if now else 0.0
        return (
            f"All changes together would save {share:.1%} of the bill, less than the "
            f"{self.policy.min_saving_share:.1%} worth any disruption."
        )

    def _order(self, found: Found) -> Order:
        new = [int(n) for n in found.builder.new_nodes()]
        stay = [n for n in range(len(self.encoded.nodes)) if n not in found.removed]
        launched = self._sites_within_limits(found)
        return Sequencer(
            self.encoded, self._current_state(slots=len(found.state.site)),
            transition=Transition(
                removed=tuple(sorted(found.removed)), launched=launched,
                gains=gains_of(found.state, self.held, slots=[*stay, *new]),
            ),
            pods_on=self.pods_on, budgets_of=[self.freedom.budgets_of[pod.key] for pod in self.encoded.pods],
            allowance=[budget.disruptions_allowed for budget in self.snapshot.budgets],
            max_concurrent=self.policy.max_concurrent_actions,
        ).run()  # fmt: skip

    def _targets(self, order: Order) -> dict[int, int]:
        """Node slot of each pod that moves or waits, by pod index; pods with no place are missing."""
        target_of = dict(order.target_of)
        left = {c: iter(places) for c, places in order.left.items()}
        for p, pod in enumerate(self.encoded.pods):
            if not pod.node_name:
                place = next(left.get(int(self.encoded.class_of[p]), iter(())), None)
                if place is not None:
                    target_of[p] = place
        return target_of

    def _current_state(self, *, slots: int) -> State:
        sites = len(self.encoded.launchables) + np.arange(len(self.encoded.nodes))
        takes = np.array([node.ready and not node.cordoned for node in self.encoded.nodes], np.uint8)
        return self.search.running_state(self.held, self.encoded.capacity[sites], takes, slots=slots)

    def _sites_within_limits(self, found: Found) -> dict[int, int]:
        new = found.builder.new_nodes()
        if not limited(self.policy):
            return {int(node): int(found.state.site[node]) for node in new}
        stay = [node for n, node in enumerate(self.encoded.nodes) if n not in found.removed]
        sites = within_limits(
            self.encoded, found.state, new, policy=self.policy,
            fixed=risk_nodes(stay, self.catalog), before=risk_nodes(self.encoded.nodes, self.catalog),
        )  # fmt: skip
        for node, site in sites.items():
            found.state.site[node] = site
        return sites

    def _cost_now(self) -> float:
        return sum(node.price_usd_per_h or 0.0 for node in self.encoded.nodes)

    def _finish(self, found: Found, order: Order, quiet: str) -> Plan:
        target_of = self._targets(order)
        nodes, names = self._planned_nodes(found, target_of)
        unplaced = self._unplaced(found, target_of)
        cost = sum(node.price_usd_per_h or 0.0 for node in nodes)
        bound = self._bound(found, cost)
        self._report("done", cost, bound)
        return Plan(
            cost_usd_per_h=self._cost_now(),
            planned_cost_usd_per_h=cost,
            lower_bound_usd_per_h=bound,
            nodes=nodes,
            actions=self._actions(found, order, target_of, names),
            kept=self._kept(found, target_of, quiet),
            unschedulable=unplaced,
            risk_before=fleet_risk(risk_nodes(self.encoded.nodes, self.catalog), policy=self.policy),
            risk_after=fleet_risk(risk_nodes(nodes, self.catalog), policy=self.policy),
            seconds=self.budget.seconds(),
            seed=self.settings.seed,
            trace=tuple(self.trace),
            notes=self.snapshot.notes + self.catalog.notes,
        )

    def _bound(self, found: Found, cost: float) -> float:
        unplaced = self.search.view.demand_of(np.minimum(found.nowhere, self.search.pods))
        return min(self.search.bound.bound_without(unplaced), cost)

    def _planned_nodes(self, found: Found, target_of: Mapping[int, int]) -> tuple[tuple[PlannedNode, ...], dict[int, str]]:
        coming: dict[int, list[str]] = {}
        for p, node in target_of.items():
            coming.setdefault(node, []).append(self.encoded.pods[p].key)
        names = {n: node.name for n, node in enumerate(self.encoded.nodes)}
        names |= {int(slot): f"new-{i}" for i, slot in enumerate(found.builder.new_nodes(), start=1)}
        already: dict[str, list[str]] = {}
        for pod in self.snapshot.pods:
            if pod.node_name:
                already.setdefault(pod.node_name, []).append(pod.key)
        kept = [
            PlannedNode(
                name=node.name, existing=True, instance_type=node.instance_type, zone=node.zone,
                capacity_type=node.capacity_type, template=node.template, price_usd_per_h=node.price_usd_per_h,
                interruption_per_month=node.interruption_per_month, allocatable=node.allocatable, labels=node.labels,
                taints=node.taints, pods=tuple(already.get(node.name, ())) + tuple(coming.get(n, ())),
            )
            for n, node in enumerate(self.encoded.nodes) if n not in found.removed
        ]  # fmt: skip
        new = [self._launched(int(slot), found, names, coming) for slot in found.builder.new_nodes()]
        return (*kept, *new), names

    def _launched(
        self, slot: int, found: Found, names: Mapping[int, str], coming: Mapping[int, Sequence[str]]
    ) -> PlannedNode:
        launchable = self.encoded.launchables[found.state.site[slot]]
        offering = launchable.offering
        return PlannedNode(
            name=names[slot], existing=False, instance_type=offering.pool.instance_type, zone=offering.zone,
            capacity_type=offering.capacity_type, template=launchable.template.name,
            price_usd_per_h=offering.price_usd_per_h, interruption_per_month=offering.interruption_per_month,
            allocatable=self.catalog.types[offering.pool.instance_type].allocatable, labels=launchable.labels,
            taints=launchable.taints, pods=tuple(coming.get(slot, ())),
        )  # fmt: skip

    def _unplaced(self, found: Found, target_of: Mapping[int, int]) -> tuple[Unschedulable, ...]:
        told: dict[int, Unschedulable] = {}
        result = []
        for p, pod in enumerate(self.encoded.pods):
            if pod.node_name or p in target_of:
                continue
            c = int(self.encoded.class_of[p])
            if c not in told:
                told[c] = explain.unschedulable(self.encoded, found.state, pod, c)
            result.append(Unschedulable(pod=pod.key, constraint=told[c].constraint, detail=told[c].detail))
        return tuple(result)

    def _kept(self, found: Found, target_of: Mapping[int, int], quiet: str) -> tuple[KeptNode, ...]:
        value = self.search.value_of_class()
        gained = np.bincount(np.array(list(target_of.values()), np.int64), minlength=len(found.state.site))
        kept = []
        for n, node in enumerate(self.encoded.nodes):
            if n in found.removed:
                continue
            reason = self.freedom.staying.get(node.name) or explain.kept_reason(
                self.encoded, found.state, n, gained=int(gained[n]), value=float(self.held[n] @ value),
                movable=self.held[n], policy=self.policy, quiet=quiet,
            )  # fmt: skip
            kept.append(KeptNode(node=node.name, reason=reason))
        return tuple(kept)

    def _actions(
        self, found: Found, order: Order, target_of: Mapping[int, int], names: Mapping[int, str]
    ) -> tuple[Action, ...]:
        value = self.search.value_of_class()
        arrivals: dict[int, list[int]] = {}
        for p, node in target_of.items():
            arrivals.setdefault(node, []).append(p)
        return tuple(
            self._action(i, move, found, names, arrivals, value) for i, move in enumerate(order.moves, start=1)
        )

    def _action(
        self, i: int, move: Move, found: Found, names: Mapping[int, str], arrivals: Mapping[int, Sequence[int]],
        value: np.ndarray,
    ) -> Action:  # fmt: skip
        if move.kind is ActionKind.LAUNCH:
            return self._launch_action(i, move, found, names, arrivals.get(move.node, ()))
        if move.kind is ActionKind.EVICT:
            pod = self.encoded.pods[move.pod]
            new = move.target >= len(self.encoded.nodes)
            return Action(
                id=i, step=move.step, kind=move.kind, node=names[move.node], pod=pod.key, target=names[move.target],
                reason=explain.evict_reason(pod, target=names[move.target], new=new),
            )  # fmt: skip
        worth, pods = float(self.held[move.node] @ value), int(self.held[move.node].sum())
        why = explain.terminate_reason(self.encoded, move.node, value=worth, evictions=pods)
        if move.kind is ActionKind.CORDON:
            why = Reason(code="before-drain", text=f"No new pods may come while it is emptied. {why.text}")
        return Action(id=i, step=move.step, kind=move.kind, node=names[move.node], reason=why)

    def _launch_action(
        self, i: int, move: Move, found: Found, names: Mapping[int, str], arrivals: Sequence[int]
    ) -> Action:
        site = int(found.state.site[move.node])
        classes = np.unique(self.encoded.class_of[list(arrivals)]) if arrivals else np.empty(0, np.int64)
        used = self.encoded.rules.size[self.encoded.class_of[list(arrivals)]].sum(axis=0)
        replaces = sorted({self.encoded.pods[p].node_name for p in arrivals} - {""})
        return Action(
            id=i, step=move.step, kind=move.kind, node=names[move.node],
            reason=explain.launch_reason(self.encoded, site, used=used, pods=len(arrivals), replaces=replaces),
            alternatives=explain.launch_alternatives(self.encoded, site, used=used, classes=classes),
            binding=explain.launch_binding(self.encoded, site, used),
        )  # fmt: skip

    def _report(self, phase: str, cost: float | None, bound: float) -> None:
        progress = Progress(
            seconds=self.budget.seconds(), phase=phase, cost_usd_per_h=cost, lower_bound_usd_per_h=bound
        )
        self.trace.append(progress)
        if self.on_progress is not None:
            self.on_progress(progress)
