"""Nodes and pods of a simulated cluster: small mutable records."""

from enum import IntEnum

from domain.market import InstanceType, Zone
from solvers.replay.market import PoolTape, PriceCurve
from solvers.replay.workload import Arrival, PodGroup


class Stage(IntEnum):
    """How far a node has come."""

    BOOTING = 0
    READY = 1
    CORDONED = 2
    ENDED = 3


class SimPod:
    """A pod. ``node`` is ``None`` while it waits; ``epoch`` counts its places, so that late events find another one."""

    __slots__ = ("arrival", "cpu", "epoch", "gpus", "group", "key", "memory", "node", "ready", "since_s")

    def __init__(self, key: str, group: "Group", arrival: Arrival | None = None) -> None:
        requests = arrival.requests if arrival else group.spec.requests
        self.key = key
        self.group = group
        self.arrival = arrival
        self.cpu, self.memory = requests.cpu_mcpu, requests.memory_bytes
        self.gpus = sum(amount for _, amount in requests.extended)
        self.node: Machine | None = None
        self.ready = False
        self.epoch = 0
        self.since_s = 0.0


class Group:
    """A group of pods with what of it is ready, and how much was not over time."""

    __slots__ = ("changed_s", "lost_s", "pods", "ready", "spec", "wanted")

    def __init__(self, spec: PodGroup) -> None:
        self.spec = spec
        self.wanted = spec.replicas
        self.pods: list[SimPod] = []
        self.ready = 0
        self.changed_s = 0.0
        self.lost_s = 0.0

    def change(self, by: int, now_s: float) -> None:
        """So many more pods are ready."""
        self.lost_s += (self.wanted - self.ready) * (now_s - self.changed_s)
        self.changed_s = now_s
        self.ready += by

    def may_lose(self, pod: SimPod) -> bool:
        """Whether the budget lets one of its pods be evicted; one that is not ready only while the budget is whole."""
        most = self.spec.max_unavailable
        if most is None:
            return True
        return self.ready - pod.ready >= self.wanted - most


class Machine:
    """A node. ``tape`` is its Spot pool, ``None`` on demand."""

    __slots__ = (
        "cpu",
        "going",
        "gpus",
        "instance_id",
        "kind",
        "launched_s",
        "memory",
        "name",
        "noticed",
        "number",
        "pods",
        "price",
        "replaced",
        "slots",
        "stage",
        "tape",
        "template",
        "zone",
    )  # fmt: skip

    def __init__(
        self, name: str, *, number: int, kind: InstanceType, zone: Zone, tape: PoolTape | None, price: PriceCurve
    ) -> None:
        room = kind.allocatable
        self.name = name
        self.instance_id = f"i-{number:017x}"
        self.number = number
        self.kind = kind
        self.zone = zone
        self.tape = tape
        self.price = price
        self.cpu, self.memory, self.slots = room.cpu_mcpu, room.memory_bytes, room.pods
        self.gpus = sum(amount for _, amount in room.extended)
        self.pods: dict[SimPod, None] = {}
        self.stage = Stage.BOOTING
        self.going = self.noticed = self.replaced = False
        self.launched_s = 0.0
        self.template = "default"

    @property
    def spot(self) -> bool:
        """Whether AWS may take it."""
        return self.tape is not None

    def fits(self, pod: SimPod) -> bool:
        """Whether it takes pods and has room for this one."""
        return (
            self.stage is Stage.READY
            and self.slots > 0
            and self.cpu >= pod.cpu
            and self.memory >= pod.memory
            and self.gpus >= pod.gpus
        )

    def take(self, pod: SimPod) -> None:
        """The pod runs here from now on."""
        self.pods[pod] = None
        self.slots -= 1
        self.cpu -= pod.cpu
        self.memory -= pod.memory
        self.gpus -= pod.gpus

    def give_back(self, pod: SimPod) -> None:
        """The pod has left."""
        del self.pods[pod]
        self.slots += 1
        self.cpu += pod.cpu
        self.memory += pod.memory
        self.gpus += pod.gpus
