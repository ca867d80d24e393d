"""What the simple policies share: a cluster, and answers that do nothing."""

from collections.abc import Iterable, Mapping, Sequence

from solvers.replay.cluster import Cluster
from solvers.replay.machine import Machine, SimPod, Stage
from solvers.replay.policies.first_fit import Bin, pack


class Bystander:
    """A policy that lets everything happen. Others override what they care for."""

    cluster: Cluster

    def begin(self, cluster: Cluster) -> None:
        """Take charge."""
        self.cluster = cluster

    def on_notice(self, machine: Machine, ends_s: float) -> None:
        """AWS takes a node at that time."""

    def on_lost(self, machine: Machine) -> None:
        """A node has gone."""

    def on_ready(self, machine: Machine) -> None:
        """A node takes pods now."""

    def on_pending(self) -> None:
        """Pods have no place."""

    def on_drained(self, machine: Machine) -> None:
        """No pods are left on a drained node."""

    def on_quiet(self) -> None:
        """All pods have places."""

    def finish(self) -> None:
        """The simulation ends."""

    def uncovered(self) -> list[SimPod]:
        """Waiting pods that the nodes on their way will not take either."""
        coming = [Room(one) for one in self.cluster.machines.values() if one.stage is Stage.BOOTING]
        return unplaced(self.cluster.pending, coming)

    def packed(self, price: Mapping[str, float]) -> list[Bin]:
        """Nodes that the waiting pods need besides those on their way, of types that have a price here."""
        return pack(self.uncovered(), self.cluster.market.types.values(), most_price=price)


class Room:
    """What is left of a node while somebody tries what would fit."""

    __slots__ = ("cpu", "gpus", "memory", "slots")

    def __init__(self, machine: Machine) -> None:
        self.cpu, self.memory, self.slots, self.gpus = machine.cpu, machine.memory, machine.slots, machine.gpus

    def take(self, pod: SimPod) -> bool:
        """Take a pod if it fits."""
        if self.slots < 1 or self.cpu < pod.cpu or self.memory < pod.memory or self.gpus < pod.gpus:
            return False
        self.cpu -= pod.cpu
        self.memory -= pod.memory
        self.gpus -= pod.gpus
        self.slots -= 1
        return True


def unplaced(pods: Iterable[SimPod], rooms: Sequence[Room]) -> list[SimPod]:
    """Pods that find no place by first fit, the largest first."""
    ranked = sorted(pods, key=lambda one: (-one.gpus, -one.cpu, -one.memory, one.key))
    return [pod for pod in ranked if not any(room.take(pod) for room in rooms)]
