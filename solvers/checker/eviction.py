"""Whether the Eviction API and the customer's wishes let a pod go.

Source: Kubernetes 1.33, ``pkg/registry/core/pod/storage/eviction.go``: a pod of two budgets is refused for good.
"""

from collections import Counter
from collections.abc import Iterator

from domain.policy import Policy
from domain.snapshot import Snapshot
from domain.workload import Pod, PodDisruptionBudget
from solvers.checker.site import Site
from solvers.checker.tally import SelectorIndex
from solvers.checker.violation import Rule

Finding = tuple[Rule, str]


class EvictionRules:
    """Budgets and protections of one cluster."""

    def __init__(self, snapshot: Snapshot, policy: Policy) -> None:
        self._excluded = frozenset(policy.excluded_namespaces)
        self._budgets: SelectorIndex[PodDisruptionBudget] = SelectorIndex()
        for budget in snapshot.budgets:
            self._budgets.add((budget.namespace,), budget.selector, item=budget)
        self._spent: Counter[str] = Counter()

    def next_step(self) -> None:
        """Replacements of the step before are ready: every budget has its allowance back."""
        self._spent.clear()

    def findings(self, pod: Pod, site: Site) -> Iterator[Finding]:
        """Why a pod may not be evicted now. Evicting it counts against its budgets from here on."""
        budgets = self._budgets.selecting(pod.namespace, pod.labels)
        yield from _protections(pod, site)
        if pod.namespace in self._excluded and not budgets:
            yield Rule.EVICT_NAMESPACE, f"namespace {pod.namespace} is excluded and no budget covers the pod"
        if len(budgets) > 1:
            names = ", ".join(budget.key for budget in budgets)
            yield Rule.BUDGET_OVERLAP, f"more than one budget covers it ({names}), which the Eviction API refuses"
        for budget in budgets:
            yield from self._spend(budget)

    def _spend(self, budget: PodDisruptionBudget) -> Iterator[Finding]:
        self._spent[budget.key] += 1
        if self._spent[budget.key] > budget.disruptions_allowed:
            allowed = budget.disruptions_allowed
            yield Rule.BUDGET, f"budget {budget.key} allows {allowed} down at once, this is one more"


def _protections(pod: Pod, site: Site) -> Iterator[Finding]:
    if pod.is_daemon or pod.is_mirror:
        yield Rule.EVICT_PROTECTED, "it is a daemon or mirror pod"
    if pod.do_not_disrupt:
        yield Rule.EVICT_PROTECTED, f"it must not be disrupted: {pod.do_not_disrupt}"
    if site.do_not_disrupt:
        yield Rule.EVICT_PROTECTED, f"its node must not be disrupted: {site.do_not_disrupt}"
