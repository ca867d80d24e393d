"""What the guard does about a node, and why not. Pure: one node, what is remembered of it, and the time.

EKS managed node groups
-----------------------
EKS cordons and drains a managed Spot node by itself, so the guard leaves it to EKS. That drain is best effort, so the
guard takes over where EKS has not even cordoned the node a moment after the notice. A rebalance recommendation is
never acted upon here: EKS replaces such a node before it drains it, and for others the customer's policy decides, which
the service knows.

Whoever empties an interrupted node (EKS, Karpenter, cluster-autoscaler) does not know when it goes, and may wait for
pods that must not be disrupted. So the guard sees to what is left a minute before the end at the latest. Mostly that is
nothing, and asking a pod that leaves already changes nothing.

Nodes that are not ready
------------------------
A Spot node that stops being ready may have gone without a notice. It is drained after a while, so that controllers make
other pods at once instead of in five minutes, and is given back when it comes to life again. If many nodes are not
ready at the same time it is rather the network, or the control plane: then nothing is done.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from agent.drains.marks import DrainOrder
from agent.drains.order import Drive
from agent.interruptions.notices import Kind, NodeFacts, Notice
from domain.events import INTERRUPTION_NOTICE

EKS_PATIENCE = timedelta(seconds=15)
"""How long EKS is given to cordon a node of its own: it acts within seconds, and 105 are left then."""

OTHERS_PATIENCE = timedelta(seconds=45)
"""How long those who empty an interrupted node by themselves are left alone with it."""

LAST_MINUTE = timedelta(seconds=60)
"""Before the end of a node nobody is left alone with it any more: most pods have 30 s of grace."""

NOT_READY_PATIENCE = timedelta(seconds=30)
"""A kubelet that is started anew is back sooner; Kubernetes has waited 40 s before it calls a silent one not ready."""

MOST_LOST = 3
MOST_LOST_SHARE = 0.3
"""More nodes than both that are not ready at once are not lost one by one."""

LOST = "it is a Spot node and is not ready"
"""Why a node is drained that stopped being ready; such a drain is called off when the node is back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What the guard remembers of a node.

    Parameters
    ----------
    first_seen
        When each kind of notice was seen first (UTC).
    fresh
        Kinds that the node did not have when it was first seen: they are as new as they look.
    was_ready
        Whether it was ever seen ready: a node that starts is not lost.
    own_drain
        The drain that is under way on it, if one is.
    is_shared
        Whether somebody else wants that drain too.
    """

    first_seen: Mapping[Kind, datetime]
    fresh: Collection[Kind] = ()
    was_ready: bool = False
    own_drain: DrainOrder | None = None
    is_shared: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What to do: drain, or call off, or neither and why; and when to look again though nothing has changed."""

    drain: DrainOrder | None = None
    call_off: str = ""
    why_not: str = ""
    again_at: datetime | None = None


NOTHING = Verdict()


def judge(node: NodeFacts, memory: Memory, *, now: datetime, lost: int, nodes: int) -> Verdict:
    """What to do about a node.

    Parameters
    ----------
    lost, nodes
        How many Spot nodes are not ready, and how many nodes there are.
    """
    if (interruption := node.notice(Kind.INTERRUPTION)) is not None:
        return _on_interruption(node, interruption, memory, now=now)
    if (not_ready := node.notice(Kind.NOT_READY)) is not None and node.is_spot and memory.was_ready:
        return _on_lost(node, now=now, since=memory.first_seen[not_ready.kind], lost=lost, nodes=nodes)
    running = memory.own_drain
    if running is not None and running.why == LOST and node.is_ready:
        return NOTHING if memory.is_shared else Verdict(call_off=f"node {node.name} is ready again")
    return _resume(node, running, now=now)


def _on_interruption(node: NodeFacts, notice: Notice, memory: Memory, *, now: datetime) -> Verdict:
    seen = memory.first_seen[Kind.INTERRUPTION]
    deadline = _deadline(notice, memory, now=now)
    if deadline <= now:
        return Verdict(why_not=f"its end has come at {deadline.isoformat()}")
    others = _others(node)
    until = min(seen + OTHERS_PATIENCE, deadline - LAST_MINUTE)
    if others and now < until:
        return Verdict(why_not=f"{others} empties it", again_at=until)
    if node.eks_group and not node.is_cordoned and now < seen + EKS_PATIENCE:
        return Verdict(why_not="EKS is given a moment to empty it", again_at=seen + EKS_PATIENCE)
    why = f"AWS takes it ({notice.action}, told by {notice.source})"
    order = DrainOrder(node=node.name, why=why, drive=Drive.INTERRUPTED, deadline=deadline)
    left = node.drain
    if memory.own_drain is None and left is not None and left.deadline is not None and left.deadline > now:
        # Whoever led before may have seen the notice earlier than we did.
        order = order.tightened(left)
    return Verdict(drain=order)


def _others(node: NodeFacts) -> str:
    """Who empties a node by himself, if anybody does."""
    if node.emptied_by:
        return node.emptied_by
    return f"EKS (group {node.eks_group})" if node.eks_group and node.is_cordoned and not node.is_cordoned_by_us else ""


def _deadline(notice: Notice, memory: Memory, *, now: datetime) -> datetime:
    """When the node goes, by our own clock.

    A notice that came just now leaves as much time as lies between its own two times, whatever our clock says. The
    nearer of both counts, and where our clock says that the end is past already, it is wrong.
    """
    seen = memory.first_seen[Kind.INTERRUPTION].replace(microsecond=0)
    if notice.deadline is None:
        return seen + INTERRUPTION_NOTICE
    if notice.at is None or Kind.INTERRUPTION not in memory.fresh:
        return notice.deadline
    by_notice = seen + min(notice.deadline - notice.at, INTERRUPTION_NOTICE)
    return min(notice.deadline, by_notice) if notice.deadline > now else by_notice


def _on_lost(node: NodeFacts, *, now: datetime, since: datetime, lost: int, nodes: int) -> Verdict:
    if node.emptied_by:
        return Verdict(why_not=f"{node.emptied_by} empties it")
    if now < since + NOT_READY_PATIENCE:
        return Verdict(why_not="it may come back", again_at=since + NOT_READY_PATIENCE)
    if lost > MOST_LOST and lost > MOST_LOST_SHARE * nodes:
        why_not = f"{lost} of {nodes} nodes are not ready at once, which is no loss of single nodes"
        return Verdict(why_not=why_not, again_at=now + NOT_READY_PATIENCE)
    return Verdict(drain=DrainOrder(node=node.name, why=LOST, drive=Drive.INTERRUPTED))


def _resume(node: NodeFacts, running: DrainOrder | None, *, now: datetime) -> Verdict:
    """A drain that an agent before us has left: it goes on where the node still goes, and only there.

    What the service had commanded it hands out again if it still wants it; its plan may be an old one by now.
    """
    left = node.drain
    if left is None or running is not None:
        return NOTHING
    if left.why == LOST and node.is_ready:
        return Verdict(call_off=f"node {node.name} is ready again")
    if left.drive is Drive.VOLUNTARY or (left.deadline is None and node.is_ready):
        return Verdict(why_not="a drain was left here, which the service may want to go on")
    if left.deadline is not None and left.deadline <= now:
        return Verdict(why_not=f"the drain that was left here was to end at {left.deadline.isoformat()}")
    return Verdict(drain=left)
