"""A cluster to try things on: three Spot nodes and one on-demand node, an agent that is there, a fresh snapshot."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, TypeVar

from actors.cluster.inputs import (
    ActionFinished,
    AgentConnected,
    AgentReported,
    AskedBy,
    Ended,
    Input,
    OptimiseRequested,
    PlanReady,
    SafeModeSwitched,
    SagaEnded,
    SnapshotReceived,
    Tick,
)
from actors.cluster.records import ClusterSettings, Leaving, Mode, NodeFacts, PlanBrief
from actors.cluster.state import ClusterState
from domain.commands import BeginSaga, Command, QueueAction, RequestPlan
from domain.events import AgentEvent, NodeNotReady, OomKilled, PodPending, RebalanceRecommendation, SpotInterruption
from domain.market import Pool
from domain.saga import SagaStatus

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
POOL = Pool(region="us-east-1", zone_id="use1-az6", instance_type="c5.xlarge")
CLUSTER = "11111111-1111-4111-8111-111111111111"

C = TypeVar("C", bound=Command)


def facts(name: str, *, spot: bool = True, self_replacing: bool = False, instance_id: str = "") -> NodeFacts:
    return NodeFacts(
        name=name, instance_id=instance_id or f"i-{name}", pool=POOL, spot=spot, self_replacing=self_replacing
    )


NODES = (facts("a"), facts("b"), facts("c"), facts("d", spot=False))


class Scene:
    """A state with a clock and short ways to say what happens. Checks the state after every event."""

    def __init__(self, *, nodes: Sequence[NodeFacts] = NODES, settings: ClusterSettings | None = None) -> None:
        self.state = ClusterState(
            cluster=CLUSTER,
            organisation="org-1",
            region="us-east-1",
            settings=settings or ClusterSettings(mode=Mode.AUTOMATIC),
        )
        self.now = START
        self._ids = count(1)
        self.send(AgentConnected(id=self.id(), at=self.now))
        self.snapshot(nodes)

    def id(self) -> str:
        return f"e{next(self._ids)}"

    def send(self, event: Input) -> list[Command]:
        commands = self.state.handle(event)
        self.state.validate_state()
        return commands

    def wait(self, seconds: float) -> list[Command]:
        self.now += timedelta(seconds=seconds)
        return self.send(Tick(id=self.id(), at=self.now))

    def snapshot(self, nodes: Sequence[NodeFacts] = NODES) -> list[Command]:
        return self.send(SnapshotReceived(id=self.id(), at=self.now, observed_at=self.now, nodes=tuple(nodes)))

    def report(self, event: AgentEvent) -> list[Command]:
        return self.send(AgentReported(id=event.id, at=self.now, event=event))

    def interruption(self, node: str, *, id_: str = "", instance_id: str = "", names_node: bool = True) -> AgentEvent:
        return SpotInterruption(
            id=id_ or self.id(),
            cluster=CLUSTER,
            at=self.now,
            instance_id=instance_id or f"i-{node}",
            pool=POOL,
            node=node if names_node else "",
            terminate_at=self.now + timedelta(minutes=2),
        )

    def rebalance(self, node: str) -> AgentEvent:
        return RebalanceRecommendation(
            id=self.id(), cluster=CLUSTER, at=self.now, instance_id=f"i-{node}", pool=POOL, node=node
        )

    def not_ready(self, node: str) -> AgentEvent:
        return NodeNotReady(id=self.id(), cluster=CLUSTER, at=self.now, node=node, reason="KubeletStopped")

    def pending(self, *, message: str = "0/4 nodes are available: 4 Insufficient cpu.") -> AgentEvent:
        return PodPending(
            id=self.id(),
            cluster=CLUSTER,
            at=self.now,
            namespace="shop",
            pod="api-1",
            reason="Unschedulable",
            message=message,
        )

    def oom(self) -> AgentEvent:
        return OomKilled(id=self.id(), cluster=CLUSTER, at=self.now, namespace="shop", pod="api-1", container="api")

    def optimise(self, *, job: str = "job-1", by: AskedBy = AskedBy.USER) -> list[Command]:
        return self.send(OptimiseRequested(id=self.id(), at=self.now, job=job, by=by))

    def answer(
        self, *removes: str, launches: int = 0, uses: Sequence[str] = (), observed_ago_s: float = 1, **fields: Any
    ) -> list[Command]:
        """The plan that is being made has come."""
        asked = self.state.asked
        assert asked is not None
        plan = PlanBrief(
            request=asked.request,
            generation=asked.generation,
            parent=asked.parent,
            observed_at=self.now - timedelta(seconds=observed_ago_s),
            launches=launches,
            removes=tuple(leaving(name) for name in removes),
            uses=tuple(uses),
            **fields,
        )
        return self.send(PlanReady(id=self.id(), at=self.now, plan=plan))

    def replace_a(self) -> BeginSaga:
        """Node a is being replaced."""
        self.optimise()
        return only(self.answer("a", launches=1), BeginSaga)

    def ends(self, saga: str, status: SagaStatus = SagaStatus.DONE, **fields: Any) -> list[Command]:
        """A saga has ended."""
        return self.send(SagaEnded(id=self.id(), at=self.now, saga=saga, status=status, **fields))

    def finish(self, command: QueueAction, *, ended: Ended = Ended.COMPLETED, error: str = "") -> list[Command]:
        return self.send(
            ActionFinished(id=self.id(), at=self.now, action_id=command.action_id, ended=ended, error=error)
        )

    def safe_mode(self, *, on: bool) -> list[Command]:
        return self.send(SafeModeSwitched(id=self.id(), at=self.now, on=on))


def of(commands: Sequence[Command], kind: type[C]) -> list[C]:
    return [command for command in commands if isinstance(command, kind)]


def only(commands: Sequence[Command], kind: type[C]) -> C:
    (command,) = of(commands, kind)
    return command


def queued(commands: Sequence[Command]) -> list[tuple[str, str]]:
    """What the agent is asked to do: kind and node."""
    return [(action.kind, action.payload["node"]) for action in of(commands, QueueAction)]


def requested(commands: Sequence[Command]) -> RequestPlan:
    return only(commands, RequestPlan)


def leaving(name: str) -> Leaving:
    return Leaving(node=name, instance_id=f"i-{name}", template="general")
