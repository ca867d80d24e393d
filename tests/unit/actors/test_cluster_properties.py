"""Whatever happens to a cluster in whatever order: what must hold, holds."""

from datetime import timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from actors.cluster.codec import from_json, to_json
from actors.cluster.inputs import (
    ActionFinished,
    AgentConnected,
    AgentLost,
    AgentReported,
    AskedBy,
    Ended,
    Input,
    OptimiseRequested,
    PlanApproved,
    PlanFailed,
    PlanReady,
    PlanRejected,
    PolicyChanged,
    PoolCleared,
    PoolFlagged,
    Restored,
    SafeModeSwitched,
    SagaEnded,
    SnapshotReceived,
    Tick,
)
from actors.cluster.records import ClusterSettings, Mode, PlanBrief, RebalancePolicy
from actors.cluster.state import ClusterState
from domain.commands import (
    AbortSaga,
    AgentActionKind,
    BeginSaga,
    Command,
    CompleteJob,
    FailJob,
    Persist,
    PlanStatus,
    QueueAction,
    RequestPlan,
    StartJob,
    StorePlan,
    WithdrawActions,
)
from domain.events import AgentEvent, NodeNotReady, OomKilled, PodPending, RebalanceRecommendation, SpotInterruption
from domain.market import Pool
from domain.saga import OPEN_SAGAS, SagaStatus
from solvers.decision import Fallback
from tests.unit.actors.cluster_scenes import CLUSTER, POOL, START, facts, leaving

NAMES = ("a", "b", "c", "d", "e")
names = st.sampled_from(NAMES)
pools = st.sampled_from([POOL, Pool(region="us-east-1", zone_id="use1-az4", instance_type="m5.large")])
seconds = st.sampled_from([0, 1, 5, 11, 61, 121, 301, 901])
ended = st.sampled_from(list(Ended))
cluster_settings = st.builds(
    ClusterSettings,
    mode=st.sampled_from([Mode.AUTOMATIC, Mode.AUTOMATIC, Mode.APPROVE, Mode.RECOMMEND]),
    rebalance=st.sampled_from(RebalancePolicy),
    max_concurrent_actions=st.integers(min_value=1, max_value=4),
)
some_names = st.lists(names, max_size=3, unique=True)
fallbacks = st.sampled_from(
    [(), (Fallback(template="general", since=START, not_before=START + timedelta(hours=1), reason="no room"),)]
)


@st.composite
def decided(draw: st.DrawFn) -> dict[str, Any]:
    """What was decided on a plan."""
    removes = draw(some_names)
    uses = [name for name in draw(some_names) if name not in removes]
    return {
        "launches": draw(st.integers(min_value=0, max_value=3)),
        "removes": tuple(leaving(name) for name in removes),
        "uses": tuple(uses),
        "fallbacks": draw(fallbacks),
    }


class AnyCluster(RuleBasedStateMachine):
    """Sends random events to one state, and the same ones to a twin that is stored and restored after each."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.count = 0
        self.sent: list[tuple[Input, list[Command]]] = []
        self.queued: dict[str, QueueAction] = {}
        self.sagas: dict[str, int] = {}
        self.open: list[str] = []
        self.accepted: set[int] = set()
        self.jobs: set[str] = set()
        self.ended_jobs: list[str] = []
        self.requests: list[RequestPlan] = []
        self.drains: set[tuple[str, str]] = set()
        self.reported: list[AgentEvent] = []
        self.instances = dict.fromkeys(NAMES, 0)

    @initialize(chosen=cluster_settings)
    def begin(self, chosen: ClusterSettings) -> None:
        self.state = self.fresh(chosen)
        self.twin = self.fresh(chosen)
        self.chosen = chosen
        self.send(AgentConnected(id=self.id(), at=self.now))
        self.snapshot_arrives(ago=0, missing=None)

    @staticmethod
    def fresh(chosen: ClusterSettings) -> ClusterState:
        return ClusterState(cluster=CLUSTER, organisation="o", region="us-east-1", settings=chosen)

    def id(self) -> str:
        self.count += 1
        return f"e{self.count}"

    def send(self, event: Input) -> None:
        commands = self.state.handle(event)
        self.state.validate_state()
        assert self.twin.handle(event) == commands
        stored = to_json(self.twin)
        self.twin = from_json(stored)
        assert self.twin == self.state
        self.sent.append((event, commands))
        self.check(commands)

    def check(self, commands: list[Command]) -> None:
        assert all(isinstance(command, Persist) == (place == 0) for place, command in enumerate(commands)) or not any(
            isinstance(command, Persist) for command in commands
        )
        for command in commands:
            match command:
                case StorePlan(status=PlanStatus.ACCEPTED):
                    self.accepted.add(command.generation)
                case QueueAction():
                    self.check_action(command)
                case BeginSaga() | AbortSaga():
                    assert command.plan in self.accepted
                    assert self.sagas.setdefault(command.saga, command.plan) == command.plan
                case WithdrawActions():
                    self.open = [id_ for id_ in self.open if id_ not in command.action_ids]
                case RequestPlan():
                    self.requests.append(command)
                    assert set(command.excluded_nodes) <= self.state.going.keys()
                case StartJob():
                    self.jobs.add(command.job)
                case CompleteJob() | FailJob():
                    self.ended_jobs.append(command.job)

    def check_action(self, command: QueueAction) -> None:
        """Agents are asked for what AWS takes only; the nodes of plans are the business of sagas."""
        assert not self.state.safe_mode
        assert command.action_id not in self.queued or self.queued[command.action_id] == command
        assert command.expires_at > self.now
        assert command.cause in {event.id for event in self.reported}
        if command.kind is AgentActionKind.DRAIN and command.action_id not in self.queued:
            drained = (command.payload["node"], command.payload["instance_id"])
            assert drained not in self.drains
            self.drains.add(drained)
        if command.action_id not in self.queued:
            self.open.append(command.action_id)
        self.queued[command.action_id] = command

    @rule(after=seconds)
    def time_passes(self, after: int) -> None:
        self.now += timedelta(seconds=after)
        self.send(Tick(id=self.id(), at=self.now))

    @rule(ago=seconds, missing=st.none() | names)
    def snapshot_arrives(self, ago: int, missing: str | None) -> None:
        if missing is not None:
            self.instances[missing] += 1
        nodes = tuple(
            facts(name, spot=name != "d", self_replacing=name == "e", instance_id=f"i-{name}{number}")
            for name, number in self.instances.items()
            if name != missing
        )
        observed_at = self.now - timedelta(seconds=ago)
        self.send(SnapshotReceived(id=self.id(), at=self.now, observed_at=observed_at, nodes=nodes))

    def report(self, event: AgentEvent) -> None:
        self.reported.append(event)
        self.send(AgentReported(id=event.id, at=self.now, event=event))

    @rule(node=names, ago=seconds, newer=st.booleans(), named=st.booleans())
    def interruption(self, node: str, ago: int, newer: bool, named: bool) -> None:  # noqa: FBT001
        at = self.now - timedelta(seconds=ago)
        self.report(
            SpotInterruption(
                id=self.id(),
                cluster=CLUSTER,
                at=at,
                instance_id=f"i-{node}{self.instances[node] + newer}",
                pool=POOL,
                node=node if named else "",
                terminate_at=at + timedelta(minutes=2),
            )
        )

    @rule(node=names)
    def rebalance(self, node: str) -> None:
        instance = f"i-{node}{self.instances[node]}"
        self.report(
            RebalanceRecommendation(
                id=self.id(), cluster=CLUSTER, at=self.now, instance_id=instance, pool=POOL, node=node
            )
        )

    @rule(node=names)
    def not_ready(self, node: str) -> None:
        self.report(NodeNotReady(id=self.id(), cluster=CLUSTER, at=self.now, node=node))

    @rule(message=st.sampled_from(["0/5 nodes are available: 5 Insufficient cpu.", "unbound volume"]))
    def pod_pending(self, message: str) -> None:
        self.report(PodPending(id=self.id(), cluster=CLUSTER, at=self.now, namespace="shop", pod="p", message=message))

    @rule()
    def out_of_memory(self) -> None:
        self.report(OomKilled(id=self.id(), cluster=CLUSTER, at=self.now, namespace="shop", pod="p", container="c"))

    @precondition(lambda self: self.reported)
    @rule(data=st.data())
    def report_repeated(self, data: st.DataObject) -> None:
        event = data.draw(st.sampled_from(self.reported))
        self.send(AgentReported(id=event.id, at=self.now, event=event))

    @rule(pool=pools, after=seconds)
    def pool_flagged(self, pool: Pool, after: int) -> None:
        until = self.now + timedelta(seconds=after)
        self.send(PoolFlagged(id=self.id(), at=self.now, pool=pool, until=until))

    @rule(pool=pools)
    def pool_cleared(self, pool: Pool) -> None:
        self.send(PoolCleared(id=self.id(), at=self.now, pool=pool))

    @rule(by=st.sampled_from(AskedBy))
    def plan_wanted(self, by: AskedBy) -> None:
        id_ = self.id()
        self.jobs.add(f"job-{id_}")
        self.send(OptimiseRequested(id=id_, at=self.now, job=f"job-{id_}", by=by))

    @precondition(lambda self: self.requests)
    @rule(data=st.data(), plan=decided(), ago=seconds)
    def plan_comes(self, data: st.DataObject, plan: dict[str, Any], ago: int) -> None:
        self.come(data.draw(st.sampled_from(self.requests[-2:])), plan, ago=ago)

    @rule(plan=decided())
    def a_good_plan_comes(self, plan: dict[str, Any]) -> None:
        """All goes well for once: a fresh snapshot, a request, a plan."""
        self.snapshot_arrives(ago=0, missing=None)
        self.plan_wanted(by=AskedBy.USER)
        if self.state.asked is not None:
            self.come(self.requests[-1], plan, ago=0)

    def come(self, request: RequestPlan, plan: dict[str, Any], *, ago: int) -> None:
        brief = PlanBrief(
            request=request.request,
            generation=request.generation,
            parent=request.parent,
            observed_at=self.now - timedelta(seconds=ago),
            **plan,
        )
        self.send(PlanReady(id=self.id(), at=self.now, plan=brief))

    @precondition(lambda self: self.sagas)
    @rule(data=st.data(), status=st.sampled_from([s for s in SagaStatus if s not in OPEN_SAGAS]), gone=st.booleans())
    def saga_ends(self, data: st.DataObject, status: SagaStatus, gone: bool) -> None:  # noqa: FBT001
        self.end(data.draw(st.sampled_from(sorted(self.sagas))), status, removed=("a", "b") if gone else ())

    def end(self, saga: str, status: SagaStatus, *, removed: tuple[str, ...] = ()) -> None:
        self.send(SagaEnded(id=self.id(), at=self.now, saga=saga, status=status, reason="why", removed=removed))

    @precondition(lambda self: self.open)
    @rule()
    def everything_in_flight_completes(self) -> None:
        for _ in range(40):
            if not self.open:
                return
            self.send(ActionFinished(id=self.id(), at=self.now, action_id=self.open.pop(0), ended=Ended.COMPLETED))

    @precondition(lambda self: self.requests)
    @rule()
    def no_plan(self) -> None:
        self.send(PlanFailed(id=self.id(), at=self.now, request=self.requests[-1].request, reason="no room"))

    @rule(back=st.integers(min_value=0, max_value=1))
    def plan_approved(self, back: int) -> None:
        id_, generation = self.id(), self.state.last_generation - back
        self.jobs.add(f"job-{id_}")
        self.send(PlanApproved(id=id_, at=self.now, generation=generation, job=f"job-{id_}", by="ann"))

    @rule()
    def plan_rejected(self) -> None:
        self.send(PlanRejected(id=self.id(), at=self.now, generation=self.state.last_generation, by="ann"))

    @precondition(lambda self: self.open)
    @rule(data=st.data(), how=st.sampled_from([Ended.COMPLETED, Ended.COMPLETED, Ended.COMPLETED, *Ended]))
    def action_ends(self, data: st.DataObject, how: Ended) -> None:
        id_ = data.draw(st.sampled_from(self.open))
        self.open.remove(id_)
        self.send(ActionFinished(id=self.id(), at=self.now, action_id=id_, ended=how, error="why"))

    @precondition(lambda self: self.queued)
    @rule(data=st.data(), how=ended)
    def action_ends_again(self, data: st.DataObject, how: Ended) -> None:
        id_ = data.draw(st.sampled_from(sorted(self.queued.keys() - set(self.open)) or ["unknown"]))
        self.send(ActionFinished(id=self.id(), at=self.now, action_id=id_, ended=how))

    @rule(chosen=cluster_settings)
    def policy_changes(self, chosen: ClusterSettings) -> None:
        self.send(PolicyChanged(id=self.id(), at=self.now, settings=chosen))

    @rule(on=st.booleans())
    def safe_mode(self, on: bool) -> None:  # noqa: FBT001
        self.send(SafeModeSwitched(id=self.id(), at=self.now, on=on))

    @rule()
    def agent_comes(self) -> None:
        self.send(AgentConnected(id=self.id(), at=self.now))

    @rule()
    def agent_goes(self) -> None:
        self.send(AgentLost(id=self.id(), at=self.now))

    @rule()
    def restart(self) -> None:
        self.send(Restored(id=self.id(), at=self.now))

    @invariant()
    def every_job_ends_at_most_once(self) -> None:
        assert len(self.ended_jobs) == len(set(self.ended_jobs))

    def teardown(self) -> None:
        """The same events give the same commands, and when nothing more happens every job ends."""
        if not self.sent:
            return
        replayed = self.fresh(self.chosen)
        for event, commands in self.sent:
            assert replayed.handle(event) == commands
        for saga in list(self.sagas):
            self.end(saga, SagaStatus.UNDONE)
        for _ in range(40):
            self.time_passes(after=61)
            for saga in list(self.state.executions):
                self.end(saga, SagaStatus.DONE)
        self.every_job_ends_at_most_once()
        assert self.jobs <= set(self.ended_jobs)


AnyCluster.TestCase.settings = settings(max_examples=60, stateful_step_count=40)
TestAnyCluster = AnyCluster.TestCase
