"""From what runs to what is wanted: launches, cordons, evictions and terminations in an order that breaks nothing.

Nodes are emptied a few at a time. For each batch the nodes that its pods move to are launched first; then it is
cordoned; its pods are evicted in waves, each wave no larger than every PodDisruptionBudget allows and each pod only
when kube-scheduler would accept it at its target at that moment; the empty nodes are terminated. A budget of one
replica therefore moves only once its new node runs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from domain.plan import ActionKind
from solvers.placement.encode import Encoded
from solvers.placement.engine import State, close_node, fits, open_node, put


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One action before it has a reason. ``node`` and ``target`` are node slots, ``pod`` an index; -1 for none."""

    step: int
    kind: ActionKind
    node: int
    pod: int = -1
    target: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """What changes: ``removed`` node slots, ``target_of`` pods that move, ``launched`` slots with their sites."""

    removed: tuple[int, ...]
    target_of: Mapping[int, int]
    launched: Mapping[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Moves in order, or the node slots that could not be emptied without breaking a rule."""

    moves: tuple[Move, ...]
    stuck: frozenset[int]


class Sequencer:
    """Simulates a transition on the engine's state of what runs; the state changes in place."""

    def __init__(
        self, encoded: Encoded, state: State, *, transition: Transition, pods_on: Mapping[int, Sequence[int]],
        budgets_of: Sequence[tuple[int, ...]], allowance: Sequence[int], max_concurrent: int,
    ) -> None:  # fmt: skip
        self._encoded, self._state, self._transition = encoded, state, transition
        self._pods_on, self._budgets_of, self._allowance = pods_on, budgets_of, allowance
        self._width = max_concurrent
        self._moves: list[Move] = []
        self._step = 0
        self._launched: set[int] = set()

    def run(self) -> Order:
        """Order everything; stops at the first batch that cannot be emptied."""
        for batch in self._batches():
            targets = {self._transition.target_of[p] for n in batch for p in self._pods_on.get(n, ())}
            self._launch(sorted(targets & self._transition.launched.keys() - self._launched))
            self._act(ActionKind.CORDON, batch)
            for node in batch:
                self._state.takes[node] = 0
            stuck = self._empty(batch)
            if stuck:
                return Order(moves=(), stuck=frozenset(stuck))
            self._act(ActionKind.TERMINATE, batch)
            for node in batch:
                close_node(self._encoded.rules, self._state, node)
        self._launch(sorted(self._transition.launched.keys() - self._launched))
        return Order(moves=tuple(self._moves), stuck=frozenset())

    def _batches(self) -> list[list[int]]:
        """Removed nodes, those whose pods share targets next to each other."""
        far = len(self._state.site)

        def first_target(node: int) -> tuple[int, int]:
            targets = (self._transition.target_of[p] for p in self._pods_on.get(node, ()))
            return min(targets, default=far), node

        ordered = sorted(self._transition.removed, key=first_target)
        return [ordered[at : at + self._width] for at in range(0, len(ordered), self._width)]

    def _launch(self, nodes: Sequence[int]) -> None:
        for at in range(0, len(nodes), self._width):
            part = nodes[at : at + self._width]
            self._act(ActionKind.LAUNCH, part)
            for node in part:
                site = self._transition.launched[node]
                open_node(self._encoded.rules, self._state, node, site, self._encoded.capacity[site], 1)
                self._launched.add(node)

    def _act(self, kind: ActionKind, nodes: Sequence[int]) -> None:
        if nodes:
            self._step += 1
            self._moves += [Move(step=self._step, kind=kind, node=node) for node in nodes]

    def _empty(self, batch: Sequence[int]) -> set[int]:
        """Evict all pods of a batch, wave by wave; returns the nodes that keep pods which may go nowhere."""
        left = [(pod, node) for node in batch for pod in self._pods_on.get(node, ())]
        while left:
            wave = self._wave(left)
            if not wave:
                return {node for _, node in left}
            self._step += 1
            self._moves += [
                Move(step=self._step, kind=ActionKind.EVICT, node=n, pod=p, target=self._transition.target_of[p])
                for p, n in wave
            ]
            gone = {pod for pod, _ in wave}
            left = [(pod, node) for pod, node in left if pod not in gone]
        return set()

    def _wave(self, left: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        """A set of pods that may leave together, in an order in which each is accepted at its target."""
        spent: dict[int, int] = {}
        trial: list[tuple[int, int]] = []
        for pod, node in left:
            budgets = self._budgets_of[pod]
            if all(spent.get(b, 0) < self._allowance[b] for b in budgets):
                trial.append((pod, node))
                for b in budgets:
                    spent[b] = spent.get(b, 0) + 1
        while trial:
            placed = self._place_together(trial)
            if len(placed) == len(trial):
                return placed
            for pod, _ in placed:
                self._shift(pod, self._transition.target_of[pod], -1)
            for pod, node in trial:
                self._shift(pod, node, 1)
            accepted = {pod for pod, _ in placed}
            trial = [(pod, node) for pod, node in trial if pod in accepted]
        return []

    def _place_together(self, trial: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        """All leave, then each is placed as soon as its target accepts it."""
        for pod, node in trial:
            self._shift(pod, node, -1)
        placed: list[tuple[int, int]] = []
        waiting = list(trial)
        progress = True
        while waiting and progress:
            progress = False
            still: list[tuple[int, int]] = []
            for pod, node in waiting:
                target = self._transition.target_of[pod]
                if fits(self._encoded.rules, self._state, int(self._encoded.class_of[pod]), target):
                    self._shift(pod, target, 1)
                    placed.append((pod, node))
                    progress = True
                else:
                    still.append((pod, node))
            waiting = still
        return placed

    def _shift(self, pod: int, node: int, by: int) -> None:
        put(self._encoded.rules, self._state, int(self._encoded.class_of[pod]), node, by)


def assign(
    sources: Mapping[int, Sequence[int]], gains: Mapping[int, Sequence[tuple[int, int]]]
) -> dict[int, int]:
    """Name the pods: ``sources[c]`` pods of a class that need a place, ``gains[c]`` (node slot, pods) it gained."""
    target_of: dict[int, int] = {}
    for c, pods in sources.items():
        places = [node for node, count in gains.get(c, ()) for _ in range(count)]
        target_of.update(zip(pods, places, strict=False))
    return target_of


def gains_of(state: State, before: np.ndarray, *, slots: Sequence[int]) -> dict[int, list[tuple[int, int]]]:
    """By class the nodes among ``slots`` that hold more pods than ``before`` (N, C; zero for new slots), and how many."""
    gains: dict[int, list[tuple[int, int]]] = {}
    for node in slots:
        had = before[node] if node < len(before) else 0
        more = state.held[node].astype(np.int64) - had
        for c in np.flatnonzero(more > 0):
            gains.setdefault(int(c), []).append((int(node), int(more[c])))
    return gains
