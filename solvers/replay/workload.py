"""What runs on the simulated clusters: groups of like pods with their budgets, and pods that come and go."""

from dataclasses import dataclass, field
from itertools import pairwise

from domain.resources import Resources


@dataclass(frozen=True, slots=True, kw_only=True)
class PodGroup:
    """A deployment: so many like pods, always.

    Parameters
    ----------
    max_unavailable
        Of its PodDisruptionBudget; ``None`` without one.
    start_s
        From the pod's place on a node to its being ready.
    """

    name: str
    replicas: int
    requests: Resources
    max_unavailable: int | None = None
    start_s: float = 20.0
    namespace: str = "default"

    def __post_init__(self) -> None:
        if self.replicas < 0 or self.start_s < 0:
            raise ValueError(f"replicas and start_s of {self.name} must not be negative")
        if self.max_unavailable is not None and self.max_unavailable < 0:
            raise ValueError(f"max_unavailable of {self.name} must not be negative")


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A pod that comes at a time and ends when it has run for so long; what it did is lost when it is moved."""

    name: str
    at_s: float
    runs_s: float
    requests: Resources

    def __post_init__(self) -> None:
        if self.at_s < 0 or not self.runs_s > 0:
            raise ValueError(f"{self.name} must arrive at 0 s or later and run for more than 0 s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What one cluster runs. Arrivals are in the order of their times."""

    groups: tuple[PodGroup, ...]
    arrivals: tuple[Arrival, ...] = field(default=())

    def __post_init__(self) -> None:
        names = [f"{group.namespace}/{group.name}" for group in self.groups]
        if len(set(names)) < len(names):
            raise ValueError("two groups have one name")
        if any(later.at_s < earlier.at_s for earlier, later in pairwise(self.arrivals)):
            raise ValueError("arrivals must be in the order of their times")
