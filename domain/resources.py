"""Amounts of resources: what pods request and nodes can allocate."""

from collections.abc import Iterable
from dataclasses import dataclass

from domain.units import GIB, MCPU_PER_CPU

CPU, MEMORY, PODS, EPHEMERAL = "cpu", "memory", "pods", "ephemeral-storage"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """A vector of resource amounts, all whole numbers and not negative.

    Parameters
    ----------
    cpu_mcpu
        Thousandths of a CPU.
    memory_bytes, ephemeral_bytes
        Bytes.
    pods
        Pod slots: 1 for a pod, the kubelet's limit for a node.
    extended
        Extended resources (``nvidia.com/gpu``, ``hugepages-2Mi`` …), sorted by name, zeros left out.
    """

    cpu_mcpu: int = 0
    memory_bytes: int = 0
    pods: int = 0
    ephemeral_bytes: int = 0
    extended: tuple[tuple[str, int], ...] = ()

    def __post_init__(self) -> None:
        amounts = (self.cpu_mcpu, self.memory_bytes, self.pods, self.ephemeral_bytes)
        if min(amounts) < 0 or any(amount < 0 for _, amount in self.extended):
            raise ValueError(f"resources must not be negative: {self}")
        tidy = tuple(sorted((name, amount) for name, amount in self.extended if amount))
        object.__setattr__(self, "extended", tidy)

    def items(self) -> tuple[tuple[str, int], ...]:
        """Amounts by Kubernetes name, the four core ones first."""
        core = (
            (CPU, self.cpu_mcpu),
            (MEMORY, self.memory_bytes),
            (PODS, self.pods),
            (EPHEMERAL, self.ephemeral_bytes),
        )
        return core + self.extended

    def __add__(self, other: "Resources") -> "Resources":
        extended = dict(self.extended)
        for name, amount in other.extended:
            extended[name] = extended.get(name, 0) + amount
        return Resources(
            cpu_mcpu=self.cpu_mcpu + other.cpu_mcpu,
            memory_bytes=self.memory_bytes + other.memory_bytes,
            pods=self.pods + other.pods,
            ephemeral_bytes=self.ephemeral_bytes + other.ephemeral_bytes,
            extended=tuple(extended.items()),
        )

    def minus_floored(self, other: "Resources") -> "Resources":
        """What is left after taking ``other``, never below zero (a node can be overcommitted by daemons)."""
        taken = dict(other.extended)
        return Resources(
            cpu_mcpu=max(0, self.cpu_mcpu - other.cpu_mcpu),
            memory_bytes=max(0, self.memory_bytes - other.memory_bytes),
            pods=max(0, self.pods - other.pods),
            ephemeral_bytes=max(0, self.ephemeral_bytes - other.ephemeral_bytes),
            extended=tuple((name, max(0, amount - taken.get(name, 0))) for name, amount in self.extended),
        )

    def elementwise_max(self, other: "Resources") -> "Resources":
        """The larger of both in every resource (init containers against the running sum)."""
        mine, theirs = dict(self.extended), dict(other.extended)
        return Resources(
            cpu_mcpu=max(self.cpu_mcpu, other.cpu_mcpu),
            memory_bytes=max(self.memory_bytes, other.memory_bytes),
            pods=max(self.pods, other.pods),
            ephemeral_bytes=max(self.ephemeral_bytes, other.ephemeral_bytes),
            extended=tuple((n, max(mine.get(n, 0), theirs.get(n, 0))) for n in mine.keys() | theirs.keys()),
        )

    def short_of(self, room: "Resources") -> tuple[str, ...]:
        """Names of the resources of which ``room`` has too little for this amount; empty when it fits."""
        has = dict(room.items())
        return tuple(name for name, amount in self.items() if amount > has.get(name, 0))

    def __str__(self) -> str:
        parts = [f"{self.cpu_mcpu / MCPU_PER_CPU:g} CPU", f"{self.memory_bytes / GIB:.4g} GiB"]
        return ", ".join(parts + [f"{amount} {name}" for name, amount in self.extended])


def total(amounts: Iterable[Resources]) -> Resources:
    """Sum of any number of resource vectors."""
    result = Resources()
    for amount in amounts:
        result += amount
    return result
