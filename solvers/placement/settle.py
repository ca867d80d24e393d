"""The end of a plan: pending pods in their places, as kube-scheduler can put them there in some order.

No action places a pending pod, so any order will do. It exists when the pods can be placed round by round, each as soon
as no rule objects; where spread rules hold in the final state, they hold on the way there too, if the emptiest domains
are filled first.
"""

from collections.abc import Collection, Mapping, Sequence
from itertools import islice, takewhile

import numpy as np
from numba import njit

from domain.plan import ActionKind
from solvers.placement.builder import Builder
from solvers.placement.encode import NO_DOMAIN, Encoded, Rules
from solvers.placement.engine import SPREAD, State, close_node, fits, put, spread_allows
from solvers.placement.moves import Move, Order
from solvers.placement.packing import Flags, Ints

MAX_TRIES = 5
"""Times that pods are given other places: one that gets a place late can cost an earlier one its own."""


class Ending:
    """Gives pending pods their places after all moves, launches what is still missing, drops what nobody uses.

    ``sites`` are the launched node slots with their sites, ``moves`` all actions, ``target_of`` the node slots of
    pending pods by pod index.
    """

    def __init__(self, encoded: Encoded, order: Order, *, sites: Mapping[int, int], max_concurrent: int) -> None:
        self._encoded, self._order, self._width = encoded, order, max_concurrent
        self._places = {c: list(places) for c, places in order.left.items()}
        self.sites = dict(sites)
        self.moves = list(order.moves)
        self.target_of: dict[int, int] = {}

    def place(self, pending: Sequence[int], builder: Builder, *, may_launch: bool) -> None:
        """Place what can be placed: where the search wanted it, else anywhere, else on a node launched for it."""
        wished = {p: places.pop() for p in pending if (places := self._places.get(self._class(p)))}
        self._settle(wished)
        most = len(pending)
        for _ in range(MAX_TRIES):
            before = len(self.target_of)
            rest = [p for p in pending if p not in self.target_of]
            found = self._elsewhere(rest, builder, may_launch=may_launch) if rest else {}
            if not found:
                break
            self._lift(found)
            self._lift(self.target_of)
            self._settle({**self.target_of, **dict(islice(found.items(), most))})
            most = most if len(self.target_of) > before else 1

    def unused(self) -> list[int]:
        """Nodes that end up empty and are launched after everything else, so that nothing has leant on them."""
        last = takewhile(lambda move: move.kind is ActionKind.LAUNCH, reversed(self.moves))
        return [move.node for move in last if not self._order.state.held[move.node].any()]

    def drop(self, nodes: Collection[int]) -> None:
        """Launch some nodes after all not."""
        self.moves = [move for move in self.moves if move.node not in nodes]
        for node in nodes:
            close_node(self._order.rules, self._order.state, node)
            del self.sites[node]
        self._lift(self.target_of)
        self._settle(self.target_of)

    def _settle(self, places: Mapping[int, int]) -> None:
        self.target_of = settled(self._encoded, self._order.rules, self._order.state, places)

    def _lift(self, places: Mapping[int, int]) -> None:
        pods, nodes = np.array(list(places), np.int64), np.array(list(places.values()), np.int64)
        lift(self._order.rules, self._order.state, self._encoded.class_of[pods], nodes)

    def _class(self, pod: int) -> int:
        return int(self._encoded.class_of[pod])

    def _elsewhere(self, pods: Sequence[int], builder: Builder, *, may_launch: bool) -> dict[int, int]:
        """Places on any node that takes these pods as things are, then on new ones."""
        state = self._order.state
        before = state.held.copy()
        wanted = np.bincount(self._encoded.class_of[list(pods)], minlength=len(builder.value)).astype(np.int64)
        builder.insert(wanted, np.flatnonzero(state.site >= 0))
        if may_launch and wanted.sum() <= (state.site < 0).sum():
            builder.open_for_rest(wanted)
        self._launch([int(node) for node in builder.new_nodes() if node not in self.sites])
        gained: dict[int, list[int]] = {}
        for node, c in zip(*np.nonzero(state.held - before), strict=True):
            gained.setdefault(int(c), []).extend([int(node)] * int(state.held[node, c] - before[node, c]))
        return {p: places.pop() for p in pods if (places := gained.get(self._class(p)))}

    def _launch(self, nodes: Sequence[int]) -> None:
        for at in range(0, len(nodes), self._width):
            step = 1 + max((move.step for move in self.moves), default=0)
            for node in nodes[at : at + self._width]:
                self.sites[node] = int(self._order.state.site[node])
                self.moves.append(Move(step=step, kind=ActionKind.LAUNCH, node=node))


def settled(encoded: Encoded, rules: Rules, state: State, places: Mapping[int, int]) -> dict[int, int]:
    """Those of the places (pod index to node slot) that some order reaches; the state holds these pods afterwards."""
    ordered = sorted(places.items(), key=lambda place: (place[1], place[0]))
    pods = np.array([pod for pod, _ in ordered], np.int64)
    nodes = np.array([node for _, node in ordered], np.int64)
    lenient = rules._replace(rule_skew=np.full_like(rules.rule_skew, np.iinfo(np.int64).max))
    while True:
        placed = np.zeros(len(pods), np.uint8)
        _place(rules, lenient, state, encoded.class_of[pods], nodes, placed)
        if placed.all():
            return {int(pod): int(node) for pod, node in zip(pods, nodes, strict=True)}
        # what is placed may have leant on what is not: take it back and try again without the latter
        lift(rules, state, encoded.class_of[pods[placed > 0]], nodes[placed > 0])
        pods, nodes = pods[placed > 0], nodes[placed > 0]


@njit(cache=True)
def lift(rules: Rules, state: State, classes: Ints, nodes: Ints) -> None:
    """Take a pod of each class from the node beside it."""
    for n in range(classes.size):
        put(rules, state, classes[n], nodes[n], -1)


@njit(cache=True)
def _place(rules: Rules, lenient: Rules, state: State, classes: Ints, nodes: Ints, placed: Flags) -> None:
    """Place a pod of each class on the node beside it, round by round; ``placed`` is 1 for those that could be.

    ``lenient`` are the same rules without a limit on skew, for pods whose spread rules hold in the final state. The
    others go first in each round: they may fit only as long as those are not there.
    """
    for n in range(classes.size):
        put(rules, state, classes[n], nodes[n], 1)
    even = np.zeros(classes.size, np.uint8)
    for n in range(classes.size):
        even[n] = _evenly_spread(rules, state, classes[n], nodes[n])
    lift(rules, state, classes, nodes)
    progress = True
    while progress:
        progress = False
        for late in range(2):
            for n in range(classes.size):
                if placed[n] or even[n] != late:
                    continue
                if fits(lenient if late else rules, state, classes[n], nodes[n]):
                    put(rules, state, classes[n], nodes[n], 1)
                    placed[n] = 1
                    progress = True


@njit(cache=True)
def _evenly_spread(rules: Rules, state: State, c: int, node: int) -> bool:
    """Whether the spread rules of a class hold for a pod that is on the node already."""
    site = state.site[node]
    for at in range(rules.rule_at[c], rules.rule_at[c + 1]):
        if rules.rule_kind[at] != SPREAD:
            continue
        t = rules.rule_counter[at]
        d = node if rules.by_node[t] else rules.domain[t, site]
        if d == NO_DOMAIN:
            return False
        if not spread_allows(rules, state, t, d, rules.rule_skew[at], rules.rule_min_domains[at], 0):
            return False
    return True
