"""The frozen input of planning: one cluster at one moment."""

from dataclasses import dataclass
from datetime import datetime

from domain.market import Zone
from domain.node import Node, NodeTemplate
from domain.workload import Pod, PodDisruptionBudget


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One cluster as it was observed.

    ``pods`` holds every pod that takes room, daemons and mirrors too; finished pods are left out. ``daemonsets`` are
    prototypes of the pods that each new node must run. ``zones`` are those where nodes may be launched. ``notes`` say
    what was left out or assumed, and why.
    """

    region: str
    zones: tuple[Zone, ...]
    nodes: tuple[Node, ...]
    pods: tuple[Pod, ...]
    budgets: tuple[PodDisruptionBudget, ...] = ()
    daemonsets: tuple[Pod, ...] = ()
    templates: tuple[NodeTemplate, ...] = ()
    observed_at: datetime | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _refuse_twins("node", [node.name for node in self.nodes])
        _refuse_twins("pod", [pod.key for pod in self.pods])
        _refuse_twins("node template", [template.name for template in self.templates])
        known = {node.name for node in self.nodes}
        for pod in self.pods:
            if pod.node_name and pod.node_name not in known:
                raise ValueError(f"pod {pod.key} runs on node {pod.node_name}, which is not in the snapshot")


def _refuse_twins(what: str, names: list[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"{what} {name} appears twice")
        seen.add(name)
