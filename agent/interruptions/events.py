"""What the service is told about nodes that AWS takes, as ``docs/agent-protocol.md`` writes it. Pure.

The same occurrence has the same id, however often it is seen and by whichever agent. Nodes that are not ready are told
by `agent.watching.occurrences`.
"""

from datetime import datetime

from agent.interruptions.notices import Kind, NodeFacts, Notice
from agent.kubernetes.api import JsonObject
from domain.signing import wire_time

_TYPES = {
    Kind.INTERRUPTION: "spot_interruption_warning",
    Kind.REBALANCE: "rebalance_recommendation",
}


def event_of(node: NodeFacts, notice: Notice, *, now: datetime) -> JsonObject | None:
    """The event for a notice, ``None`` where there is nothing to name: the node is no instance of AWS.

    Parameters
    ----------
    now
        When the notice was seen first (UTC).
    """
    if notice.kind not in _TYPES or "instance_id" not in node.instance:
        return None
    event: JsonObject = {
        "event_id": f"{node.instance['instance_id']}-{notice.kind.value}",
        "event_type": _TYPES[notice.kind],
        "timestamp": wire_time(now),
        "node_name": node.name,
        **node.instance,
    }
    if notice.kind is Kind.INTERRUPTION:
        event["action"] = notice.action.value
    if notice.deadline is not None:
        event["warning_time"] = wire_time(notice.deadline)
    return event
