"""What a cluster of the demo is: its groups of nodes, what it runs, and how its owner wants it looked after."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from actors.cluster.records import Mode
from demo.kubernetes.store import Object
from domain.market import CapacityType
from domain.node import Taint


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A group of nodes, an Auto Scaling group in AWS, with what its launch template has kubelets register with.

    Parameters
    ----------
    nodes
        Instance types of its nodes at the start, each with how many there are.
    """

    name: str
    capacity_type: CapacityType
    nodes: Mapping[str, int]
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Taint, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Character:
    """A cluster.

    Parameters
    ----------
    story
        A sentence for people.
    zones
        Letters of the zones that it spans.
    objects
        Makes the manifests of what it runs.
    """

    name: str
    story: str
    region: str
    mode: Mode
    groups: tuple[Group, ...]
    objects: Callable[[], tuple[Object, ...]]
    zones: str = "abc"
