"""What came of one cluster under one policy, in figures."""

from dataclasses import dataclass, fields


@dataclass(slots=True, kw_only=True)
class Tally:
    """Counts and sums over one replication.

    Parameters
    ----------
    cost_usd
        Of all nodes, from launch to end.
    spot_h, on_demand_h
        Node hours.
    interruptions
        Nodes that AWS took.
    unannounced
        Those of which no notice came.
    launches, refused
        Nodes launched; pools that had no room when asked.
    failing_launches
        Launches into a pool that failed: it had no room, or took the node back within an hour.
    kills
        Pods that were still on a node when it ended.
    drained
        Pods moved from a node that AWS took, in time.
    evictions
        Pods moved by the policy for its own ends.
    ended_nodes
        Nodes that the policy ended (churn).
    budget_breaches
        Pods that the policy took down beyond their budget.
    lost_pod_min
        Minutes in which a pod that should have been ready was not, over all pods.
    waited_min, reruns
        Of pods that come and go: minutes until they had a place; times that one began anew.
    finished
        Of those, how many ended.
    large_losses
        Times that more than the stated share of the vCPUs was taken within one notice period.
    predicted, predicted_h
        Interruptions that the policy expected while its plans held, and hours for which it had an opinion.
    predicted_large
        Large losses that it expected.
    plans, failed_plans
        Plans made; those that were none, or were given up.
    """

    cost_usd: float = 0.0
    spot_h: float = 0.0
    on_demand_h: float = 0.0
    interruptions: int = 0
    unannounced: int = 0
    launches: int = 0
    refused: int = 0
    failing_launches: int = 0
    kills: int = 0
    drained: int = 0
    evictions: int = 0
    ended_nodes: int = 0
    budget_breaches: int = 0
    lost_pod_min: float = 0.0
    waited_min: float = 0.0
    reruns: int = 0
    finished: int = 0
    large_losses: int = 0
    predicted: float = 0.0
    predicted_h: float = 0.0
    predicted_large: float = 0.0
    plans: int = 0
    failed_plans: int = 0


MEASURES = tuple(each.name for each in fields(Tally))
"""Names of all figures, in order."""


def total(tallies: list[Tally]) -> Tally:
    """All of several clusters together."""
    return Tally(**{name: sum(getattr(each, name) for each in tallies) for name in MEASURES})
