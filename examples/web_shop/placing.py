"""Put the pods on the nodes as kube-scheduler would have: evenly, and by every rule."""

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from examples.web_shop.fleet import ZONES, Host
from examples.web_shop.workloads import Workload

_DISK_MIB = 70_000
"""Room for local files that the example lets pods ask for, below what a node has."""

_CHOICE = 5
"""One of this many emptiest nodes is taken, so that the fleet does not look combed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """One pod of a workload on its node."""

    workload: Workload
    ordinal: int
    host: Host


@dataclass(slots=True, kw_only=True)
class _Room:
    host: Host
    cpu: int
    memory: int
    pods: int
    gpus: int
    disk: int = _DISK_MIB
    runs: Counter[str] = field(default_factory=Counter)
    ports: set[int] = field(default_factory=set)

    def fits(self, workload: Workload) -> bool:
        cpu, memory = effective_requests(workload)
        enough = self.cpu >= cpu and self.memory >= memory and self.disk >= workload.disk_mib
        enough = enough and self.pods > 0 and self.gpus >= workload.gpus
        alone = not (workload.apart and self.runs[_key(workload)])
        return enough and alone and workload.host_port not in self.ports

    def take(self, workload: Workload) -> None:
        cpu, memory = effective_requests(workload)
        self.cpu, self.memory, self.pods = self.cpu - cpu, self.memory - memory, self.pods - 1
        self.gpus, self.disk = self.gpus - workload.gpus, self.disk - workload.disk_mib
        self.runs[_key(workload)] += 1
        if workload.host_port:
            self.ports.add(workload.host_port)


def effective_requests(workload: Workload) -> tuple[int, int]:
    """CPU and memory that one pod needs: its containers together, or an init container when that needs more."""
    side_cpu, side_memory = workload.sidecar[1:] if workload.sidecar else (0, 0)
    init_cpu, init_memory = workload.init[1:] if workload.init else (0, 0)
    return max(workload.cpu + side_cpu, init_cpu), max(workload.memory + side_memory, init_memory)


def place(workloads: Iterable[Workload], hosts: Sequence[Host], rng: random.Random) -> list[Placed]:
    """Daemons on every node of theirs, then the pods that ask for most first.

    Raises
    ------
    ValueError
        When a pod fits nowhere: the tables of fleet and workloads do not go together.
    """
    rooms = [_room(host) for host in hosts]
    daemons = [w for w in workloads if w.kind == "DaemonSet"]
    placed = [_put(daemon, 0, room) for room in rooms for daemon in daemons if _is_for(daemon, room.host)]
    others = sorted((w for w in workloads if w.kind != "DaemonSet"), key=lambda w: (-w.gpus, not w.near, -w.cpu))
    for workload in sorted(others, key=lambda w: bool(w.near)):
        placed += [_put(workload, n, _choose(workload, rooms, rng)) for n in range(workload.replicas)]
    return placed


def _room(host: Host) -> _Room:
    machine = host.machine
    return _Room(host=host, cpu=machine.cpu_mcpu, memory=machine.memory_mib, pods=machine.max_pods, gpus=machine.gpus)


def _is_for(workload: Workload, host: Host) -> bool:
    return workload.group == host.group or (workload.kind == "DaemonSet" and workload.group == "general")


def _put(workload: Workload, ordinal: int, room: _Room) -> Placed:
    room.take(workload)
    return Placed(workload=workload, ordinal=ordinal, host=room.host)


def _choose(workload: Workload, rooms: Sequence[_Room], rng: random.Random) -> _Room:
    allowed = _zones(workload, rooms)
    fitting = [r for r in rooms if _is_for(workload, r.host) and r.host.zone in allowed and r.fits(workload)]
    if not fitting:
        raise ValueError(f"{workload.namespace}/{workload.name} fits on no node")
    emptiest = sorted(fitting, key=lambda r: (-r.cpu / r.host.machine.cpu_mcpu, r.host.name))
    return rng.choice(emptiest[:_CHOICE])


def _zones(workload: Workload, rooms: Sequence[_Room]) -> set[str]:
    """Zones that the spread and the affinity of the next pod allow."""
    count = _per_zone(_key(workload), rooms)
    allowed = set(ZONES)
    if workload.zone_skew:
        fewest = min(count[zone] for zone in ZONES)
        allowed = {zone for zone in ZONES if count[zone] + 1 - fewest <= workload.zone_skew}
    if workload.near:
        beside = _per_zone(f"{workload.namespace}/{workload.near}", rooms)
        allowed &= {zone for zone in ZONES if beside[zone]}
    return allowed


def _per_zone(key: str, rooms: Sequence[_Room]) -> Counter[str]:
    count: Counter[str] = Counter()
    for room in rooms:
        count[room.host.zone] += room.runs[key]
    return count


def _key(workload: Workload) -> str:
    return f"{workload.namespace}/{workload.name}"
