"""A node during the replay of a plan."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from domain import labels as keys
from domain.node import Node, Taint
from domain.plan import PlannedNode
from domain.workload import HostPort, Pod
from solvers.checker import match


@dataclass(slots=True, kw_only=True, eq=False)
class Site:
    """A node and what is on it.

    ``field_name`` is what ``metadata.name`` will be; of a node that does not run yet nobody knows, so it is a name that
    no selector can contain. ``pods`` are by key; ``used`` and ``allocatable`` by resource name.
    """

    name: str
    field_name: str
    labels: Mapping[str, str]
    taints: tuple[Taint, ...]
    allocatable: dict[str, int]
    ready: bool = True
    cordoned: bool = False
    do_not_disrupt: str = ""
    used: Counter[str] = field(default_factory=Counter)
    ports: Counter[HostPort] = field(default_factory=Counter)
    pods: dict[str, Pod] = field(default_factory=dict)

    @property
    def all_taints(self) -> tuple[Taint, ...]:
        """The node's own taints and those that its state brings."""
        return self.taints + match.state_taints(cordoned=self.cordoned, ready=self.ready)

    def free(self, resource: str) -> int:
        """Room left of a resource; below zero when the node is overcommitted."""
        return self.allocatable.get(resource, 0) - self.used[resource]


def running_site(node: Node) -> Site:
    """A node of the snapshot."""
    return Site(
        name=node.name,
        field_name=node.name,
        labels=node.labels,
        taints=node.taints,
        allocatable=dict(node.allocatable.items()),
        ready=node.ready,
        cordoned=node.cordoned,
        do_not_disrupt=node.do_not_disrupt,
    )


def launched_site(node: PlannedNode) -> Site:
    """A node that the plan launches: its hostname is unlike any other and named by no selector."""
    unknown = f"{node.name}: not known before it runs"
    return Site(
        name=node.name,
        field_name=unknown,
        labels=dict(node.labels) | {keys.HOSTNAME: unknown},
        taints=node.taints,
        allocatable=dict(node.allocatable.items()),
    )
