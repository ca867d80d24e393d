"""What is asked of a planner, and what it answers. Both cross process boundaries."""

from dataclasses import dataclass
from datetime import datetime

from domain.commands import Priority
from domain.market import Pool
from domain.plan import Plan
from domain.policy import Policy


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
    excluded_nodes
        Nodes that are going: their pods need places, nothing is placed on them.
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
    excluded_nodes: tuple[str, ...] = ()
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
    failure: str = ""
    is_bug: bool = False
    seconds: float = 0.0
