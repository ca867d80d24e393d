"""From what runs to what is wanted: launches, cordons, evictions and terminations in an order that breaks nothing.

Nodes are emptied a few at a time. For each batch the nodes that its pods move to are launched first; then it is
cordoned; its pods are evicted in waves, each wave no larger than every PodDisruptionBudget allows and each pod only
when kube-scheduler would accept it at its target at that moment; the empty nodes are terminated. A budget of one
replica therefore moves only once its new node runs.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from domain.plan import ActionKind
from solvers.placement.builder import resource_scale
from solvers.placement.encode import Encoded, Rules
from solvers.placement.engine import State, best_node, clear_node, close_node, fits, open_node, put
from solvers.placement.packing import Ints


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
    """What changes: ``removed`` node slots, ``launched`` slots with their sites, and the places that pods gain.

    ``gains[c]`` lists (node slot, pods) that nodes hold more of class c in the end.
    """

    removed: tuple[int, ...]
    launched: Mapping[int, int]
    gains: Mapping[int, Sequence[tuple[int, int]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Moves in order and the places left for pending pods, or the nodes that no order empties.

    ``target_of`` gives the node slot of each pod that moves; ``left[c]`` the places of class c not taken by movers.
    ``stuck`` are the nodes that no order empties, each with a
    pod that cannot leave. ``state`` is the cluster after the moves, judged by ``rules``.
    """

    moves: tuple[Move, ...]
    target_of: Mapping[int, int]
    left: Mapping[int, Sequence[int]]
    stuck: Mapping[int, int]
    rules: Rules
    state: State


class Sequencer:
    """Simulates a transition on the engine's state of what runs; the state changes in place.

    Which pod of a class takes which of its places is decided here, when it moves: pods of a class are alike, and the
    rules of the moment (spread above all) may accept one place before another.
    """

    def __init__(
        self, encoded: Encoded, state: State, *, transition: Transition, pods_on: Mapping[int, Sequence[int]],
        budgets_of: Sequence[tuple[int, ...]], allowance: Sequence[int], max_concurrent: int,
    ) -> None:  # fmt: skip
        self._encoded, self._state, self._transition = encoded, state, transition
        self._rules = encoded.rules._replace(counts_here=encoded.rules.counts_here.copy())
        self._cordoned = {n for n, node in enumerate(encoded.nodes) if node.cordoned}
        self._pods_on, self._budgets_of, self._allowance = pods_on, budgets_of, allowance
        self._width = max_concurrent
        self._places = {c: Counter(dict(places)) for c, places in transition.gains.items()}
        self._moves: list[Move] = []
        self._target_of: dict[int, int] = {}
        self._step = 0
        self._launched: set[int] = set()
        self._waiting = {node: list(pods_on.get(node, ())) for node in transition.removed}
        self._zone_of = {n: node.zone.id for n, node in enumerate(encoded.nodes)}
        self._zone_of |= {n: encoded.launchables[s].offering.zone.id for n, s in transition.launched.items()}
        self._scale = resource_scale(encoded)
        self._anywhere = np.empty(0, np.int64)

    def run(self) -> Order:
        """Order everything.

        Nodes that cannot be emptied yet are tried again after the others, in the end with any place that takes a pod:
        pods that went first can have taken places that only those left over could use.
        """
        todo = list(self._transition.removed)
        while todo:
            before = self._left_over(todo)
            todo = [node for batch in self._batches(todo) for node in self._drain(batch)]
            if self._left_over(todo) == before:
                if self._anywhere.size:
                    return self._order(stuck=todo)
                self._open_up()
        self._launch(sorted(self._transition.launched.keys() - self._launched))
        return self._order(stuck=())

    def _left_over(self, nodes: Sequence[int]) -> tuple[int, int]:
        return len(nodes), sum(len(self._waiting[node]) for node in nodes)

    def _open_up(self) -> None:
        """Let pods go to any node that is there in the end."""
        self._launch(sorted(self._transition.launched.keys() - self._launched))
        stay = [n for n in range(len(self._encoded.nodes)) if n not in self._waiting]
        self._anywhere = np.array([*stay, *sorted(self._launched)], np.int64)

    def _order(self, *, stuck: Sequence[int]) -> Order:
        left = {c: list(places.elements()) for c, places in self._places.items()}
        return Order(
            moves=tuple(self._moves), target_of=self._target_of, left=left, rules=self._rules, state=self._state,
            stuck={node: self._waiting[node][0] for node in stuck},
        )  # fmt: skip

    def _batches(self, nodes: Sequence[int]) -> list[list[int]]:
        """Nodes as many at once as the policy allows, those with the fewest pods first: they free budget soonest."""
        ordered = sorted(nodes, key=lambda n: (len(self._waiting[n]), n))
        return [ordered[at : at + self._width] for at in range(0, len(ordered), self._width)]

    def _drain(self, batch: Sequence[int]) -> list[int]:
        """Empty and terminate the nodes of a batch; returns those that keep pods for now."""
        self._launch_for(Counter(int(self._encoded.class_of[p]) for n in batch for p in self._waiting[n]))
        self._cordon([node for node in batch if node not in self._cordoned])
        while self._evict_wave(batch) or self._launch_one_more(batch):
            pass
        empty = [node for node in batch if not self._waiting[node]]
        self._act(ActionKind.TERMINATE, empty)
        for node in empty:
            close_node(self._rules, self._state, node)
        return [node for node in batch if self._waiting[node]]

    def _launch_for(self, pods: Mapping[int, int]) -> None:
        """Launch what is needed for so many pods of each class to have a place, in the order of the slots."""
        wanted: list[int] = []
        for c, count in pods.items():
            room = 0
            for node in sorted(self._places.get(c, ())):
                if room >= count:
                    break
                room += max(0, self._places[c][node])
                if node in self._transition.launched and node not in self._launched and node not in wanted:
                    wanted.append(node)
        self._launch(sorted(wanted))

    def _launch_one_more(self, batch: Sequence[int]) -> bool:
        """Launch further nodes with places for what is left in a batch; false when all of them run."""
        classes = {int(self._encoded.class_of[p]) for n in batch for p in self._waiting[n]}
        coming = {n for c in classes for n, count in self._places.get(c, Counter()).items() if count > 0}
        missing = sorted((coming & self._transition.launched.keys()) - self._launched)
        self._launch(missing[: self._width])
        return bool(missing)

    def _launch(self, nodes: Sequence[int]) -> None:
        for at in range(0, len(nodes), self._width):
            part = nodes[at : at + self._width]
            self._act(ActionKind.LAUNCH, part)
            for node in part:
                site = self._transition.launched[node]
                open_node(self._rules, self._state, node, site, self._encoded.capacity[site], 1)
                self._launched.add(node)

    def _cordon(self, nodes: Sequence[int]) -> None:
        self._act(ActionKind.CORDON, nodes)
        self._cordoned.update(nodes)
        hides = np.flatnonzero(self._encoded.cordon_hides)
        for node in nodes:
            site = self._encoded.site_of_node(node)
            if self._rules.counts_here[hides, site].any():
                held = self._state.held[node].astype(np.int64)
                clear_node(self._rules, self._state, node, np.zeros_like(held))
                self._rules.counts_here[hides, site] = 0
                open_node(self._rules, self._state, node, site, self._encoded.capacity[site], 0)
                for c in np.flatnonzero(held):
                    put(self._rules, self._state, int(c), node, int(held[c]))
            self._state.takes[node] = 0

    def _act(self, kind: ActionKind, nodes: Sequence[int]) -> None:
        if nodes:
            self._step += 1
            self._moves += [Move(step=self._step, kind=kind, node=node) for node in nodes]

    def _evict_wave(self, batch: Sequence[int]) -> bool:
        """Evict what may leave at once; false when nothing may."""
        wave = self._wave([(pod, node) for node in batch for pod in self._waiting[node]])
        if not wave:
            return False
        self._step += 1
        for pod, node, target in wave:
            self._moves.append(Move(step=self._step, kind=ActionKind.EVICT, node=node, pod=pod, target=target))
            self._target_of[pod] = target
            self._waiting[node].remove(pod)
        return True

    def _wave(self, left: Sequence[tuple[int, int]]) -> list[tuple[int, int, int]]:
        """Pods that may leave together (pod, node, target), in an order in which each is accepted at its target."""
        spent: Counter[int] = Counter()
        trial: list[tuple[int, int]] = []
        for pod, node in left:
            budgets = self._budgets_of[pod]
            if all(spent[b] < self._allowance[b] for b in budgets):
                trial.append((pod, node))
                spent.update(budgets)
        while trial:
            placed = self._place_together(trial)
            if len(placed) == len(trial):
                return placed
            for pod, _, target in placed:
                self._shift(pod, target, -1)
                self._places[int(self._encoded.class_of[pod])][target] += 1
            for pod, node in trial:
                self._shift(pod, node, 1)
            accepted = {pod for pod, _, _ in placed}
            trial = [(pod, node) for pod, node in trial if pod in accepted]
        return []

    def _place_together(self, trial: Sequence[tuple[int, int]]) -> list[tuple[int, int, int]]:
        """All leave, then each is placed as soon as one of the places of its class accepts it."""
        for pod, node in trial:
            self._shift(pod, node, -1)
        placed: list[tuple[int, int, int]] = []
        waiting = list(trial)
        progress = True
        while waiting and progress:
            still: list[tuple[int, int]] = []
            for pod, node in waiting:
                target = self._place_for(int(self._encoded.class_of[pod]), node)
                if target is None:
                    still.append((pod, node))
                    continue
                self._shift(pod, target, 1)
                placed.append((pod, node, target))
            progress = len(still) < len(waiting)
            waiting = still
        return placed

    def _place_for(self, c: int, source: int) -> int | None:
        """Take a place of a class that accepts a pod now, in the zone it leaves if possible: spread stays as it is."""
        places = self._places.setdefault(c, Counter())
        zone = self._zone_of[source]
        accepted = chain(
            (target for target in places if self._zone_of[target] == zone and self._accepts(c, target)),
            (target for target in places if self._zone_of[target] != zone and self._accepts(c, target)),
        )
        target = next(accepted, -1)
        if target < 0 and self._anywhere.size:
            target = int(best_node(self._rules, self._state, c, self._anywhere, self._scale))
        if target < 0:
            return None
        places[target] -= 1
        if places[target] == 0:
            del places[target]
        return target

    def _accepts(self, c: int, target: int) -> bool:
        ready = target < len(self._encoded.nodes) or target in self._launched
        return ready and self._places[c][target] > 0 and bool(fits(self._rules, self._state, c, target))

    def _shift(self, pod: int, node: int, by: int) -> None:
        put(self._rules, self._state, int(self._encoded.class_of[pod]), node, by)


def gains_of(state: State, before: Ints, *, slots: Sequence[int]) -> dict[int, list[tuple[int, int]]]:
    """By class the nodes among ``slots`` that hold more pods than ``before`` (N, C; new slots: 0), and how many."""
    gains: dict[int, list[tuple[int, int]]] = {}
    for node in slots:
        had = before[node] if node < len(before) else 0
        more = state.held[node].astype(np.int64) - had
        for c in np.flatnonzero(more > 0):
            gains.setdefault(int(c), []).append((int(node), int(more[c])))
    return gains
