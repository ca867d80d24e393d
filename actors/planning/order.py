"""What is asked of a planner, and what it answers. Both cross process boundaries."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from actors.cluster.records import Leaving, Past
from domain.commands import Priority
from domain.market import Pool
from domain.plan import Plan
from domain.policy import Policy
from domain.proposal import Module
from solvers.decision import Decision, DecisionPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What a decision needs to know besides the cluster itself.

    Parameters
    ----------
    going
        Nodes that go and are to be replaced, and who proposes that.
    covered
        Those of them whose replacement is under way: their pods have places already.
    busy
        Nodes that a plan is at work on, and which.
    resting
        Pools that had no room a short while ago.
    karpenter
        Karpenter launches for its NodePools.
    past, limits
        What is remembered, what is allowed; the policy of the limits is that of the order.
    """

    going: Mapping[str, Module] = field(default_factory=dict)
    covered: frozenset[str] = frozenset()
    busy: Mapping[str, str] = field(default_factory=dict)
    resting: frozenset[Pool] = frozenset()
    karpenter: bool = False
    past: Past = field(default_factory=Past)
    limits: DecisionPolicy = field(default_factory=DecisionPolicy)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOrder:
    """A plan to be made.

    Parameters
    ----------
    request
        Id of the request; comes back with the answer.
    cluster
        Id of the cluster.
    objects
        Its redacted Kubernetes objects, as `domain.delta.ObjectSet.to_bytes` packs them.
    observed_at
        When they were read (UTC).
    policy
        What is allowed and wanted.
    generation, parent
        Numbers of the plan: its own, and that of the accepted plan it builds on.
    circumstances
        What is decided by, and which nodes go: their pods need places, nothing is placed on them.
    excluded_pools
        Pools in which no Spot node may be launched.
    time_limit_s, seed
        Of the search.
    ordered_at
        When it was asked for (UTC).
    """

    request: str
    cluster: str
    priority: Priority
    objects: bytes
    observed_at: datetime
    policy: Policy
    generation: int
    parent: int | None
    time_limit_s: float
    ordered_at: datetime
    circumstances: Circumstances = field(default_factory=Circumstances)
    excluded_pools: tuple[Pool, ...] = ()
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanAnswer:
    """A plan, or why there is none.

    Parameters
    ----------
    plan
        ``None`` when there is none.
    document
        The plan as JSON (``docs/plan.schema.json``), for storage and for whoever reads it later; empty without a plan.
    decision
        What of it is carried out and what is not, and why; there whenever there is a plan.
    leaving
        The nodes that are removed by the decision.
    failure
        A sentence for the customer; empty with a plan.
    is_bug
        The failure is ours: this cluster must not be changed until somebody has looked.
    seconds
        From the order being taken up to the answer.
    """

    request: str
    cluster: str
    plan: Plan | None = None
    document: bytes = b""
    decision: Decision | None = None
    leaving: tuple[Leaving, ...] = ()
    failure: str = ""
    is_bug: bool = False
    seconds: float = 0.0
