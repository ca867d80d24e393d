"""First-fit decreasing with a late choice of type, as Karpenter packs pending pods (scheduler.go, read 2026-10)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from domain.market import InstanceType
from solvers.replay.machine import SimPod


@dataclass(slots=True)
class Bin:
    """A node to be: its pods, and the types that hold them all."""

    pods: list[SimPod] = field(default_factory=list)
    kinds: list[InstanceType] = field(default_factory=list)
    cpu: int = 0
    memory: int = 0
    gpus: int = 0

    def cheapest(self, price: Mapping[str, float]) -> InstanceType:
        """The cheapest type that holds its pods; of equally dear ones the first by name."""
        return min(self.kinds, key=lambda kind: (price[kind.name], kind.name))


def pack(pods: Iterable[SimPod], kinds: Iterable[InstanceType], *, most_price: Mapping[str, float]) -> list[Bin]:
    """Pods into nodes to be. Pods that no type holds are left out.

    Parameters
    ----------
    most_price
        Types that may be launched, by what they cost.
    """
    allowed = [kind for kind in kinds if kind.name in most_price]
    bins: list[Bin] = []
    for pod in sorted(pods, key=lambda one: (-one.gpus, -one.cpu, -one.memory, one.key)):
        for one in bins:
            if _add(one, pod, one.kinds):
                break
        else:
            fresh = Bin()
            if _add(fresh, pod, allowed):
                bins.append(fresh)
    return bins


def _add(one: Bin, pod: SimPod, kinds: list[InstanceType]) -> bool:
    cpu, memory, gpus = one.cpu + pod.cpu, one.memory + pod.memory, one.gpus + pod.gpus
    number = len(one.pods) + 1
    kept = [kind for kind in kinds if _holds(kind, cpu, memory, gpus=gpus, number=number)]
    if not kept:
        return False
    one.kinds, one.cpu, one.memory, one.gpus = kept, cpu, memory, gpus
    one.pods.append(pod)
    return True


def _holds(kind: InstanceType, cpu: int, memory: int, *, gpus: int, number: int) -> bool:
    room = kind.allocatable
    has_gpus = sum(amount for _, amount in room.extended)
    return room.cpu_mcpu >= cpu and room.memory_bytes >= memory and has_gpus >= gpus and room.pods >= number
