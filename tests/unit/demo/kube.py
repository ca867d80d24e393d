"""A simulated cluster on virtual time, for the tests of the demo."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from adapters.catalog.load import describe_type
from demo.kubernetes.cluster import STEP_S, Cluster
from demo.kubernetes.nodes import Machine, join
from demo.kubernetes.objects import active, is_ready
from demo.kubernetes.store import Object
from domain.market import CapacityType, Zone

REGION = "us-east-1"
ZONES = tuple(
    Zone(id=f"use1-az{number}", name=f"{REGION}{letter}") for number, letter in ((4, "a"), (6, "b"), (1, "c"))
)


class Time:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at


class Scene:
    """A cluster with nodes and whatever it is given to run."""

    def __init__(self, *objects: Object, nodes: Iterable[str] = ("m5.xlarge",) * 3) -> None:
        self.time = Time()
        self.cluster = Cluster("scene", "token", self.time)
        self.store = self.cluster.store
        self.cluster.add(*objects)
        for instance_type in nodes:
            self.add_node(instance_type)

    def add_node(self, instance_type: str = "m5.xlarge", *, spot: bool = False, zone: Zone | None = None) -> Object:
        number = len(self.store.of("nodes"))
        machine = Machine(
            instance_id=f"i-{number:017x}",
            name=f"ip-10-0-0-{number}.ec2.internal",
            type=describe_type(instance_type),
            region=REGION,
            zone=zone or ZONES[number % len(ZONES)],
            capacity_type=CapacityType.SPOT if spot else CapacityType.ON_DEMAND,
            group="workers",
        )
        return join(self.store, machine)

    def run(self, seconds: float) -> None:
        for _ in range(int(seconds / STEP_S)):
            self.time.at += timedelta(seconds=STEP_S)
            self.cluster.step()

    def until(self, reached: Callable[[], object], *, within_s: float = 120.0) -> None:
        left_s = within_s
        while not reached():
            assert left_s > 0, self.summary()
            self.run(STEP_S)
            left_s -= STEP_S

    def pods(self, name: str) -> list[Object]:
        """Pods of a workload."""
        return [pod for pod in self.store.of("pods") if pod["metadata"]["labels"]["app.kubernetes.io/name"] == name]

    def ready(self, name: str) -> int:
        return sum(map(is_ready, active(self.pods(name))))

    def on(self, node: Object) -> list[str]:
        name = node["metadata"]["name"]
        return [pod["metadata"]["name"] for pod in self.store.of("pods") if pod["spec"].get("nodeName") == name]

    def summary(self) -> list[tuple[str, str, str]]:
        return [
            (pod["metadata"]["name"], pod["spec"].get("nodeName", ""), pod["status"]["phase"])
            for pod in self.store.of("pods")
        ]
