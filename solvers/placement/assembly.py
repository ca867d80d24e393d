"""Makes a plan's nodes, actions and reasons out of what the search found and the sequencer ordered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from domain.market import Catalog
from domain.plan import Action, ActionKind, KeptNode, PlannedNode, Reason, Unschedulable
from domain.policy import Policy
from domain.snapshot import Snapshot
from solvers.placement import explain, refusals
from solvers.placement.encode import Encoded
from solvers.placement.engine import State
from solvers.placement.moves import Move
from solvers.placement.packing import Floats, Ints
from solvers.placement.search import Found


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What becomes of a placement found.

    Parameters
    ----------
    sites
        Site of each launched node slot.
    moves, target_of
        Actions in order, and the node slot of each pod that moves or waits, by pod index; pods without a place are
        missing.
    state
        The cluster afterwards, pending pods included.
    held_back
        Nodes that were to go but could not, with the reason: they stay.
    limit
        Why some pending pods get no node, the limits on Spot being in the way; empty when they are not.
    """

    found: Found
    sites: Mapping[int, int]
    moves: tuple[Move, ...]
    target_of: Mapping[int, int]
    state: State
    held_back: Mapping[int, Reason]
    limit: str


@dataclass(slots=True, kw_only=True)
class Assembly:
    """Tells an outcome in the words of `domain.plan`.

    Parameters
    ----------
    held
        Pods by node and class before, (N, C).
    value
        What a pod of each class is worth in USD per hour, (C,).
    staying
        Reasons why nodes are left alone that were never in question, by name.
    quiet
        Why nothing is moved at all, empty when something is.
    """

    snapshot: Snapshot
    catalog: Catalog
    policy: Policy
    encoded: Encoded
    held: Ints
    value: Floats
    outcome: Outcome
    staying: Mapping[str, Reason]
    quiet: str
    _names: dict[int, str] = field(init=False)
    _coming: dict[int, list[int]] = field(init=False)
    _offers: explain.Offers = field(init=False)

    def __post_init__(self) -> None:
        self._offers = explain.Offers(self.encoded, self.policy)
        self._names = {n: node.name for n, node in enumerate(self.encoded.nodes)}
        self._names |= {slot: f"new-{i}" for i, slot in enumerate(sorted(self.outcome.sites), start=1)}
        self._coming = {}
        for pod, node in sorted(self.outcome.target_of.items()):
            self._coming.setdefault(node, []).append(pod)

    def nodes(self) -> tuple[PlannedNode, ...]:
        """Nodes as they will be: those that stay, then those launched."""
        left = {self.encoded.pods[p].key for p in self.outcome.target_of}
        already: dict[str, list[str]] = {}
        for pod in self.snapshot.pods:
            if pod.node_name and pod.key not in left:
                already.setdefault(pod.node_name, []).append(pod.key)
        kept = [
            PlannedNode(
                name=node.name, existing=True, instance_type=node.instance_type, zone=node.zone,
                capacity_type=node.capacity_type, template=node.template, price_usd_per_h=node.price_usd_per_h,
                interruption_per_month=node.interruption_per_month, allocatable=node.allocatable, labels=node.labels,
                taints=node.taints, pods=(*already.get(node.name, ()), *self._keys(n)),
            )
            for n, node in enumerate(self.encoded.nodes) if n not in self.outcome.found.removed
        ]  # fmt: skip
        return (*kept, *(self._launched(slot) for slot in sorted(self.outcome.sites)))

    def actions(self) -> tuple[Action, ...]:
        """All actions in order, each with its reason."""
        return tuple(self._action(i, move) for i, move in enumerate(self.outcome.moves, start=1))

    def kept(self) -> tuple[KeptNode, ...]:
        """Running nodes left alone, each with its reason."""
        return tuple(
            KeptNode(node=node.name, reason=self.staying.get(node.name) or self._why_kept(n))
            for n, node in enumerate(self.encoded.nodes)
            if n not in self.outcome.found.removed
        )

    def unschedulable(self) -> tuple[Unschedulable, ...]:
        """Pending pods without a place; those of a class share the reason."""
        told: dict[int, Unschedulable] = {}
        result = []
        for p, pod in enumerate(self.encoded.pods):
            if pod.node_name or p in self.outcome.target_of:
                continue
            c = int(self.encoded.class_of[p])
            if c not in told:
                told[c] = refusals.unschedulable(self.encoded, self.outcome.state, pod, c=c, limit=self.outcome.limit)
            result.append(Unschedulable(pod=pod.key, constraint=told[c].constraint, detail=told[c].detail))
        return tuple(result)

    def _keys(self, node: int) -> list[str]:
        return [self.encoded.pods[p].key for p in self._coming.get(node, ())]

    def _launched(self, slot: int) -> PlannedNode:
        launchable = self.encoded.launchables[self.outcome.sites[slot]]
        offering = launchable.offering
        return PlannedNode(
            name=self._names[slot], existing=False, instance_type=offering.pool.instance_type, zone=offering.zone,
            capacity_type=offering.capacity_type, template=launchable.template.name,
            price_usd_per_h=offering.price_usd_per_h, interruption_per_month=offering.interruption_per_month,
            allocatable=self.catalog.types[offering.pool.instance_type].allocatable, labels=launchable.labels,
            taints=launchable.taints, pods=tuple(self._keys(slot)),
        )  # fmt: skip

    def _why_kept(self, node: int) -> Reason:
        return explain.kept_reason(
            self.encoded, self.outcome.state, node, gained=len(self._coming.get(node, ())), movable=self.held[node],
            value=float(self.held[node] @ self.value), policy=self.policy, quiet=self.quiet,
        )  # fmt: skip

    def _action(self, i: int, move: Move) -> Action:
        if move.kind is ActionKind.LAUNCH:
            return self._launch(i, move, self._coming.get(move.node, ()))
        if move.kind is ActionKind.EVICT:
            pod = self.encoded.pods[move.pod]
            new = move.target >= len(self.encoded.nodes)
            target = self._names[move.target]
            return Action(
                id=i, step=move.step, kind=move.kind, node=self._names[move.node], pod=pod.key, target=target,
                reason=explain.evict_reason(pod, target=target, new=new),
            )  # fmt: skip
        worth, pods = float(self.held[move.node] @ self.value), int(self.held[move.node].sum())
        why = explain.terminate_reason(self.encoded, move.node, value=worth, evictions=pods)
        if move.kind is ActionKind.CORDON:
            why = Reason(code="before-drain", text=f"No new pods may come while it is emptied. {why.text}")
            return Action(id=i, step=move.step, kind=move.kind, node=self._names[move.node], reason=why)
        return Action(
            id=i, step=move.step, kind=move.kind, node=self._names[move.node], reason=why,
            alternatives=explain.terminate_alternatives(self.encoded, move.node, value=worth, evictions=pods),
        )  # fmt: skip

    def _launch(self, i: int, move: Move, arrivals: Sequence[int]) -> Action:
        site = self.outcome.sites[move.node]
        classes = np.unique(self.encoded.class_of[list(arrivals)]) if arrivals else np.empty(0, np.int64)
        used = self.encoded.rules.size[self.encoded.class_of[list(arrivals)]].sum(axis=0)
        replaces = sorted({self.encoded.pods[p].node_name for p in arrivals} - {""})
        return Action(
            id=i, step=move.step, kind=move.kind, node=self._names[move.node],
            reason=explain.launch_reason(self.encoded, site, used=used, pods=len(arrivals), replaces=replaces),
            alternatives=self._offers.alternatives(site, used=used, classes=classes),
            binding=explain.launch_binding(self.encoded, site, used),
        )  # fmt: skip
