"""Pods that run nowhere yet and that the plan shows placed.

No action places them: kube-scheduler does, at a time and in an order of its own. So any order that works is accepted:

- A pending pod may be placed as soon as its node exists; it is placed before the end only when a moving pod needs it.
- At the end, pods are placed round by round, each as soon as no rule objects, until no more can be. Pods for which the
  order matters (see below) come first in each round.
- Topology spread is judged in the final state, by the skew of the pod's own domain. That is enough: while some domain
  holds fewer pods than it will in the end, the emptiest domain either takes the next one, or is full already, and then
  no other exceeds it by more than the allowed skew. So an order exists if the final skew holds, and only if it does
  where all pods that match carry the constraint. A pod whose domain ends up too full (others that match but carry no
  constraint may have come after it) is judged in the order of the rounds instead.
"""

from domain.plan import Plan
from domain.snapshot import Snapshot
from domain.workload import Pod
from solvers.checker.cluster import Cluster
from solvers.checker.ledger import Ledger
from solvers.checker.scheduler import Objection, objections, spread
from solvers.checker.site import Site
from solvers.checker.violation import Rule


class Pending:
    """Pending pods with the node that the plan gives each."""

    def __init__(self, snapshot: Snapshot, *, plan: Plan, cluster: Cluster, ledger: Ledger) -> None:
        self._cluster = cluster
        self._ledger = ledger
        waiting = {pod.key: pod for pod in snapshot.pods if not (pod.node_name or pod.is_daemon or pod.is_mirror)}
        homes = {key: node.name for node in plan.nodes for key in node.pods if key in waiting}
        self._left = [(waiting[key], home) for key, home in homes.items()]

    def place_what_fits(self) -> bool:
        """Place those to which no rule objects now; whether there was any."""
        return self._round(frozenset())

    def place_all(self) -> None:
        """Place all that are left, and note what objects to those that fit in no order."""
        even = self._evenly_spread()
        while self._round(even):
            pass
        for pod, home in self._left:
            site = self._cluster.sites.get(home)
            if site is not None:
                for rule, why in self._against(pod, site, even=even):
                    self._ledger.misplaced(pod.key, home, rule=rule, why=why)
                self._cluster.place(pod.key, pod, site=site)
        self._left = []

    def _round(self, even: frozenset[str]) -> bool:
        later: list[tuple[Pod, str]] = []
        for pod, home in sorted(self._left, key=lambda entry: entry[0].key in even):
            site = self._cluster.sites.get(home)
            if site is None or self._against(pod, site, even=even):
                later.append((pod, home))
            else:
                self._cluster.place(pod.key, pod, site=site)
        progress = len(later) < len(self._left)
        self._left = later
        return progress

    def _against(self, pod: Pod, site: Site, *, even: frozenset[str]) -> list[Objection]:
        found = objections(self._cluster, pod, site=site)
        return [(rule, why) for rule, why in found if not (rule is Rule.TOPOLOGY_SPREAD and pod.key in even)]

    def _evenly_spread(self) -> frozenset[str]:
        """Keys of pods whose spread constraints hold once every pending pod is in its place."""
        sites = self._cluster.sites
        placed = [(pod, sites[home]) for pod, home in self._left if home in sites]
        for pod, site in placed:
            self._cluster.place(pod.key, pod, site=site)
        even = frozenset(pod.key for pod, site in placed if self._holds(pod, site))
        for pod, site in placed:
            self._cluster.take(pod.key, site)
        return even

    def _holds(self, pod: Pod, site: Site) -> bool:
        rules = self._cluster.census.kind(pod).spread
        return not any(True for rule in rules for _ in spread(rule, site, itself=0))
