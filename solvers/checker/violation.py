"""What is wrong with a plan: a stable rule code, the object, the step, a sentence."""

from dataclasses import dataclass
from enum import StrEnum


class Rule(StrEnum):
    """Codes of the rules that the checker judges. Placement rules carry the scheduler's own distinctions."""

    CORDONED = "cordoned"
    NOT_READY = "not-ready"
    NODE_SELECTOR = "node-selector"
    NODE_AFFINITY = "node-affinity"
    VOLUME_AFFINITY = "volume-affinity"
    TAINT = "taint"
    RESOURCES = "resources"
    HOST_PORT = "host-port"
    POD_AFFINITY = "pod-affinity"
    POD_ANTI_AFFINITY = "pod-anti-affinity"
    TOPOLOGY_SPREAD = "topology-spread"

    STEP_ORDER = "step-order"
    ACTION_ID = "action-id"
    ACTION_SHAPE = "action-shape"
    UNKNOWN_NODE = "unknown-node"
    CONCURRENCY = "concurrency"

    LAUNCH_TWICE = "launch-twice"
    LAUNCH_UNPLANNED = "launch-unplanned"
    LAUNCH_MISSING = "launch-missing"
    LAUNCH_OFFERING = "launch-offering"
    LAUNCH_POLICY = "launch-policy"
    LAUNCH_TEMPLATE = "launch-template"
    LAUNCH_FACTS = "launch-facts"
    DAEMON_ROOM = "daemon-room"

    EVICT_UNKNOWN = "evict-unknown"
    EVICT_PROTECTED = "evict-protected"
    EVICT_NAMESPACE = "evict-namespace"
    EVICT_UNCORDONED = "evict-uncordoned"
    EVICT_TARGET = "evict-target"
    BUDGET = "budget"
    BUDGET_OVERLAP = "budget-overlap"

    TERMINATE_UNCORDONED = "terminate-uncordoned"
    TERMINATE_OCCUPIED = "terminate-occupied"
    TERMINATE_PROTECTED = "terminate-protected"

    FINAL_NODES = "final-nodes"
    FINAL_PODS = "final-pods"
    FINAL_FACTS = "final-facts"
    POD_LOST = "pod-lost"
    POD_TWICE = "pod-twice"
    SCHEDULABLE = "schedulable"
    KEPT = "kept"
    REASON = "reason"
    COST = "cost"
    BOUND = "bound"
    POOL_SHARE = "pool-share"
    LOSS_PROBABILITY = "loss-probability"


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One broken rule.

    Parameters
    ----------
    rule
        Stable code of the rule.
    obj
        Key of the pod, or name of the node, that broke it; ``"plan"`` for the plan as a whole.
    step
        Step of the plan at which it broke, ``None`` when it is about the final state or the plan as a whole.
    text
        A sentence that names pod, node and rule.
    """

    rule: Rule
    obj: str
    step: int | None
    text: str
