"""The plan of a drain: which pods leave, when each is asked to, and which must stay. Pure.

A pod that needs ``g`` seconds to end must have been asked ``g`` seconds before the node goes. Of pods that share a
budget, each of which blocks a place in it until its replacement is ready, those that must be asked first come first:
this order loses the fewest (earliest due date first; every eviction takes one place). A pod whose moment has passed
cannot end gracefully any more. It is asked nevertheless, after those that can.

Pods that have no replica cannot be replaced before they are gone: the Eviction API deletes, and only then does the
controller make another. What can be done is to ask late. While the deadline allows, such a pod runs on until a few
seconds before its last moment; the pods that have replicas have left by then, the node that replaces this one is likely
up, and what has no replica is down for as long as a start takes, and not for a node's start too. The same holds for a
pod of a Job: it may finish by itself. Without a deadline they come after all the others.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum

from agent.drains.facts import Budget, PodFacts, covering

END_MARGIN = timedelta(seconds=5)
"""Between the end of a pod's grace and the node's: the kubelet needs a moment to kill and to report."""

LEAD = timedelta(seconds=10)
"""Pods without replicas are asked this long before their last moment, so that a refused try can be repeated."""

GATHER = timedelta(seconds=1)
"""Nodes are often interrupted together, and their drains begin a moment apart. A pod that shares a budget and has time
waits so long for the others to be known, lest it take the place of one that has no time."""

AMPLE = timedelta(seconds=10)
"""What counts as having time: its last moment is further away than that."""

_NEVER = datetime(9999, 12, 31, tzinfo=UTC)


class Drive(Enum):
    """Why a node is emptied, which decides what may be left behind."""

    VOLUNTARY = "voluntary"
    """By our own choice: whoever must not be disrupted is not, and the drain is incomplete then."""

    INTERRUPTED = "interrupted"
    """The node goes in any case: a graceful end is better than none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One eviction to come.

    Parameters
    ----------
    budgets
        Keys of the budgets that count the pod.
    slack
        Pods that may go down now within its budgets; a large number without any.
    ask_from, ask_by
        Not before, and at the latest if it is to end gracefully. ``None``: at once, and whenever.
    after_others
        Only when all that have replicas were asked and have left.
    """

    pod: PodFacts
    budgets: tuple[str, ...] = ()
    slack: int = 0
    ask_from: datetime | None = None
    ask_by: datetime | None = None
    after_others: bool = False

    @property
    def lane(self) -> str:
        """Pods of one lane wait for the same budget. Kubernetes judges those that are not ready by another rule."""
        if len(self.budgets) != 1:
            return ""
        return self.budgets[0] if self.pod.ready else f"{self.budgets[0]} (not ready)"

    def is_late(self, now: datetime) -> bool:
        """Whether it can no longer end gracefully."""
        return self.ask_by is not None and self.ask_by < now

    @property
    def rank(self) -> tuple[datetime, int, int, int, str]:
        """Order of asking, the smallest first: last moment, then long grace, little slack, high priority, name."""
        return (self.ask_by or _NEVER, -self.pod.grace_s, self.slack, -self.pod.priority, self.pod.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A pod that a drain must leave where it is, and why."""

    pod: PodFacts
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainPlan:
    """``asks`` in their order; ``kept`` are pods that stand in the way; ``lone`` nothing will bring back."""

    asks: tuple[Ask, ...]
    kept: tuple[Kept, ...] = ()
    lone: tuple[PodFacts, ...] = ()


NO_BUDGET_SLACK = 1 << 20
"""Slack of pods that no budget counts."""


def plan_drain(
    pods: Iterable[PodFacts],
    budgets: Sequence[Budget],
    *,
    now: datetime,
    deadline: datetime | None,
    drive: Drive,
    singles: Collection[str],
) -> DrainPlan:
    """Plan the drain of one node.

    Parameters
    ----------
    pods
        What runs on the node. Daemons, mirrors and finished pods are left out, and so is what leaves already.
    deadline
        When the node goes (UTC), ``None`` when it goes once it is empty.
    singles
        Uids of the pods that have no replica.
    """
    movers = [pod for pod in pods if pod.stays is None and pod.leaves_by is None]
    kept = tuple(Kept(pod=pod, why=why) for pod in movers if (why := why_kept(pod, drive)))
    held = {one.pod.uid for one in kept}
    by_namespace: dict[str, list[Budget]] = {}
    for budget in budgets:
        by_namespace.setdefault(budget.namespace, []).append(budget)
    asks = [
        ask_for(
            pod,
            covering(pod, by_namespace.get(pod.namespace, ())),
            now=now,
            deadline=deadline,
            is_single=pod.uid in singles or pod.is_job,
        )
        for pod in movers
        if pod.uid not in held
    ]
    lone = tuple(pod for pod in movers if pod.owner is None)
    return DrainPlan(asks=tuple(sorted(asks, key=lambda ask: (ask.is_late(now), ask.rank))), kept=kept, lone=lone)


def why_kept(pod: PodFacts, drive: Drive) -> str:
    """Why a pod may not be evicted by this drain, empty when it may."""
    if drive is Drive.INTERRUPTED:
        return ""
    return pod.do_not_disrupt or ("no controller would bring it back" if pod.owner is None else "")


def ask_for(
    pod: PodFacts, budgets: Sequence[Budget], *, now: datetime, deadline: datetime | None, is_single: bool
) -> Ask:
    """When a pod is asked to leave."""
    ask_by = deadline - timedelta(seconds=pod.grace_s) - END_MARGIN if deadline is not None else None
    return Ask(
        pod=pod,
        budgets=tuple(budget.key for budget in budgets),
        slack=min((budget.allowed for budget in budgets), default=NO_BUDGET_SLACK),
        ask_from=_ask_from(ask_by, now, is_single=is_single, has_budget=bool(budgets)),
        ask_by=ask_by,
        after_others=is_single and ask_by is None,
    )


def _ask_from(ask_by: datetime | None, now: datetime, *, is_single: bool, has_budget: bool) -> datetime | None:
    if ask_by is None:
        return None
    if is_single:
        return max(now, ask_by - LEAD)
    return now + GATHER if has_budget and ask_by - now > AMPLE else None
