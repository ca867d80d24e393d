"""The rights that acting in a cluster takes, as (API group, resource, verb). Whoever grants them compares with this."""

RIGHTS = frozenset(
    {
        ("", "nodes", "get"),
        ("", "nodes", "patch"),
        ("", "pods", "get"),
        ("", "pods", "list"),
        ("", "pods/eviction", "create"),
        ("", "replicationcontrollers", "get"),
        ("apps", "deployments", "get"),
        ("apps", "deployments", "patch"),
        ("apps", "replicasets", "get"),
        ("apps", "statefulsets", "get"),
        ("autoscaling", "horizontalpodautoscalers", "list"),
        ("autoscaling.k8s.io", "verticalpodautoscalers", "list"),
        ("policy", "poddisruptionbudgets", "list"),
    }
)
"""Of the agent that leads, over what watching takes."""

RIGHTS_ON_NODE_POOLS = frozenset(
    {
        ("karpenter.sh", "nodepools", "get"),
        ("karpenter.sh", "nodepools", "list"),
        ("karpenter.sh", "nodepools", "patch"),
    }
)
"""Of the same where it is told of Karpenter; watching takes one more."""

RIGHTS_ON_NODES = frozenset({("", "nodes/status", "patch")})
"""Of the process on each node."""
