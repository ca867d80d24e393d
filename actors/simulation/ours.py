"""Our policy in a simulation: hosts the production state machine of a cluster, as `actors.hosting` does in production.

What decides is the production code, unchanged: `ClusterState` takes events and gives commands, `checked_plan` plans,
`decided` takes plans apart and chooses, `RiskRegistry` flags. What is simulated is what is around it: time, the agent
(which takes ``agent_s`` to hear and to act), AWS, Kubernetes.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from actors.cluster.inputs import (
    ActionFinished,
    AgentConnected,
    AgentReported,
    AskedBy,
    Ended,
    Input,
    OptimiseRequested,
    PlanFailed,
    PlanReady,
    PoolFlagged,
    SagaEnded,
    SnapshotReceived,
    Tick,
)
from actors.cluster.records import ClusterSettings, Mode
from actors.cluster.state import ClusterState
from actors.hosting.briefs import brief_of
from actors.hosting.circumstances import circumstances_of
from actors.planning.deciding import decided
from actors.planning.make import without_nodes, without_pools
from actors.planning.order import PlanAnswer, PlanOrder
from actors.risk.evidence import Evidence
from actors.risk.flags import FlagChange
from actors.simulation.carrying import Carrying
from actors.simulation.hazard import HIGHEST, Hazards
from actors.simulation.hive import Hive
from actors.simulation.sight import Sight, pool_of
from actors.simulation.stage import Stage
from domain.commands import (
    AbortSaga,
    AgentActionKind,
    AskForSnapshot,
    BeginSaga,
    Command,
    EvidenceKind,
    PlanStatus,
    Priority,
    QueueAction,
    ReportEvidence,
    RequestPlan,
    Schedule,
    StorePlan,
)
from domain.errors import InvariantError, RejectedError
from domain.events import AgentEvent, NodeNotReady, PodPending, SpotInterruption
from domain.market import CapacityType, Pool
from domain.plan import Plan
from domain.policy import Policy
from domain.proposal import ProposedLaunch
from domain.units import HOURS_PER_MONTH
from solvers.decision import Decision
from solvers.placement import Settings, with_prices
from solvers.planning import checked_plan
from solvers.replay.cluster import Cluster
from solvers.replay.machine import Machine
from solvers.replay.machine import Stage as Step
from solvers.replay.market import SECONDS_PER_H
from solvers.replay.policies.base import Bystander

REPORT_EVERY_S = 30.0
"""Between two reports of an agent (COLLECTION_INTERVAL)."""
NOT_READY_S = 40.0
"""Until Kubernetes calls a node not ready whose kubelet is silent (node-monitor-grace-period)."""
FIRST_PLANS = 20
"""Plans tried for the first fleet, each without the pools that had no room."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conduct:
    """How our policy is run.

    Parameters
    ----------
    optimise_every_s
        Between two routine plans.
    work_limit, routine_work_limit
        Of the planner for urgent plans and for others, so that plans do not depend on the machine.
    plan_s, agent_s
        How long a plan, and an agent's hearing or acting, take in simulated time.
    """

    policy: Policy
    optimise_every_s: float
    work_limit: int
    routine_work_limit: int
    plan_s: float
    agent_s: float


class Ours(Bystander):
    """One cluster under the production state machine."""

    def __init__(self, stage: Stage, hive: Hive, hazards: Hazards, *, conduct: Conduct) -> None:
        self._stage, self._hive, self._hazards, self._conduct = stage, hive, hazards, conduct
        self._ids = 0
        self._reported_s = -REPORT_EVERY_S
        self._actions: dict[Machine, list[str]] = {}
        self._believed_s = 0.0
        self._loss_per_month = 0.0
        self._plans: dict[int, tuple[Plan, Decision]] = {}
        self._sagas: dict[str, Carrying] = {}
        self._index = {tape.pool: at for at, tape in enumerate(stage.market.tapes)}

    def begin(self, cluster: Cluster) -> None:
        """Plan the first fleet from nothing, launch it, and let the state machine take over."""
        self.cluster = cluster
        self._sight = Sight(cluster, self._stage, self._hazards)
        self.state = ClusterState(
            cluster=f"cluster-{cluster.index}", organisation=cluster.tenant, region=self._stage.market.region,
            settings=ClusterSettings(
                mode=Mode.AUTOMATIC, max_concurrent_actions=self._conduct.policy.max_concurrent_actions
            ),
        )  # fmt: skip
        self._hive.join(cluster.tenant, self._on_flag)
        self._first_fleet()
        self._feed(AgentConnected(id=self._id("connected"), at=self._now()))
        cluster.agenda.at(self._conduct.optimise_every_s, self._optimise, None)

    def on_notice(self, machine: Machine, ends_s: float) -> None:
        """The agent sees the notice and tells of it."""
        event = SpotInterruption(
            id=self._id("notice"), cluster=self.state.cluster, at=self._now(), instance_id=machine.instance_id,
            pool=self._pool(machine), node=machine.name, terminate_at=self._at(ends_s),
        )  # fmt: skip
        self._later(self._conduct.agent_s, self._report, event)

    def on_lost(self, machine: Machine) -> None:
        """What was asked of the node has failed; one of which no notice came is found to be not ready."""
        self._end_actions(machine, Ended.FAILED, "the node has gone")
        self._tell_sagas(lambda saga: saga.on_lost(machine))
        if machine.name in self.state.going or machine.name not in self.state.nodes:
            return
        event = NodeNotReady(
            id=self._id("not ready"), cluster=self.state.cluster, at=self._now(), node=machine.name,
            reason="NodeStatusUnknown", instance_id=machine.instance_id, pool=self._pool(machine),
        )  # fmt: skip
        self._later(NOT_READY_S, self._report, event)

    def on_ready(self, machine: Machine) -> None:
        """A node has joined."""
        self._believe()
        self._tell_sagas(lambda saga: saga.on_ready(machine))

    def on_drained(self, machine: Machine) -> None:
        """A drain is done."""
        self._end_actions(machine, Ended.COMPLETED, "")
        self._tell_sagas(lambda saga: saga.on_drained(machine))

    def on_pending(self) -> None:
        """The agent tells of a pod without a place."""
        pod = next(iter(self.cluster.pending))
        namespace, _, name = pod.key.partition("/")
        event = PodPending(
            id=self._id("pending"), cluster=self.state.cluster, at=self._now(), namespace=namespace, pod=name,
            reason="Unschedulable", message="Insufficient cpu",
        )  # fmt: skip
        self._later(self._conduct.agent_s, self._report, event)

    def finish(self) -> None:
        """Count what was believed up to the end."""
        self._believe()

    # What comes in

    def _first_fleet(self) -> None:
        """Launch a plan from nothing. Where a pool refuses, what is left is planned anew without it."""
        refused: set[Pool] = set()
        for number in range(FIRST_PLANS):
            snapshot = self._sight.snapshot(at=self._now())
            catalog = without_pools(self._sight.catalog(), tuple(refused))
            _, plan = checked_plan(
                snapshot,
                catalog=catalog,
                policy=self._conduct.policy,
                settings=self._settings(number, Priority.ROUTINE),
                clock=_no_time,
            )
            launches = [node for node in plan.nodes if not node.existing]
            missed = {pool for node in launches if (pool := self._launch_ready(node.instance_type, node.zone.id,
                      spot=node.capacity_type is CapacityType.SPOT)) is not None}  # fmt: skip
            self.cluster.place_now()
            self._loss_per_month = plan.risk_after.loss_probability_per_month
            if not missed or not self.cluster.pending:
                return
            refused |= missed

    def _launch_ready(self, name: str, zone_id: str, *, spot: bool) -> Pool | None:
        market = self._stage.market
        if not spot:
            self.cluster.launch_on_demand(market.types[name], market.zones[zone_id], ready=True)
            return None
        pool = Pool(region=market.region, zone_id=zone_id, instance_type=name)
        tape = market.tapes[self._index[pool]]
        return None if self.cluster.launch_spot((tape,), ready=True) is not None else pool

    def _optimise(self, _: None) -> None:
        job = self._id("job")
        self._feed(OptimiseRequested(id=job, at=self._now(), job=job, by=AskedBy.SCHEDULE))
        self._later(self._conduct.optimise_every_s, self._optimise, None)

    def _on_flag(self, change: FlagChange) -> None:
        if change.until is not None:
            self._feed(PoolFlagged(id=self._id("flag"), at=self._now(), pool=change.pool, until=change.until))

    def _report(self, event: AgentEvent) -> None:
        self._feed(AgentReported(id=event.id, at=self._now(), event=event))

    def _feed(self, event: Input) -> None:
        """Hand an event to the state machine, after what the agent has reported by then, and carry out what it says."""
        if self.cluster.now_s - self._reported_s >= REPORT_EVERY_S:
            self._see()
        self._carry(self.state.handle(event))

    def _see(self) -> None:
        self._reported_s = self.cluster.now_s
        now = self._now()
        seen = SnapshotReceived(id=self._id("snapshot"), at=now, observed_at=now, nodes=self._sight.facts())
        self._carry(self.state.handle(seen))

    # What is to be done

    def _carry(self, commands: Sequence[Command]) -> None:
        for command in commands:
            match command:
                case QueueAction():
                    self._later(self._conduct.agent_s, self._act, command)
                case BeginSaga():
                    self._later(self._conduct.agent_s, self._begin_saga, command)
                case AbortSaga(saga=saga, reason=reason):
                    self._later(0.0, self._stop_saga, (saga, reason))
                case RequestPlan():
                    self._plan(command)
                case ReportEvidence():
                    self._tell(command.pool, command.kind, command.instance_id, known=command.known)
                case Schedule(at=at):
                    self.cluster.agenda.at((at - self._stage.start).total_seconds(), self._tick, None)
                case AskForSnapshot():
                    self._later(self._conduct.agent_s, self._seen, None)
                case StorePlan():
                    self._count(command)

    def _seen(self, _: None) -> None:
        self._see()

    def _tick(self, _: None) -> None:
        self._feed(Tick(id=self._id("tick"), at=self._now()))

    def _act(self, command: QueueAction) -> None:
        """The agent does something with a node or a pod."""
        machine = self.cluster.machines.get(str(command.payload.get("node", "")))
        if machine is None:
            self._finish_action(command.action_id, Ended.FAILED, "there is no such node")
            return
        match command.kind:
            case AgentActionKind.CORDON:
                self.cluster.cordon(machine)
                self._finish_action(command.action_id, Ended.COMPLETED)
            case AgentActionKind.UNCORDON:
                self.cluster.uncordon(machine)
                self._finish_action(command.action_id, Ended.COMPLETED)
            case AgentActionKind.DRAIN:
                self._actions.setdefault(machine, []).append(command.action_id)
                self.cluster.drain(machine)
            case _:
                self._finish_action(command.action_id, Ended.FAILED, "is not simulated")

    def _begin_saga(self, command: BeginSaga) -> None:
        """Carry a plan out; one that was stopped before it began is over."""
        known = self._plans.get(command.plan)
        if known is None or command.saga in self._sagas or command.saga not in self.state.executions:
            return
        self._believe()
        saga = self._sagas[command.saga] = Carrying(self.cluster, command.saga)
        stopping = self.state.executions[command.saga].stopping
        if stopping:
            saga.stop(stopping)
        else:
            saga.begin(known[1], self._launch)
        self._tell_sagas(lambda _: None)

    def _stop_saga(self, subject: tuple[str, str]) -> None:
        saga = self._sagas.get(subject[0])
        if saga is not None:
            saga.stop(subject[1])
        self._tell_sagas(lambda _: None)

    def _tell_sagas(self, tell: Callable[[Carrying], None]) -> None:
        """Tell all plans under way of something, and the state machine of those that have ended by it."""
        for saga in list(self._sagas.values()):
            tell(saga)
        for saga in [one for one in self._sagas.values() if one.ended is not None]:
            del self._sagas[saga.saga]
            self._later(0.0, self._saga_ended, saga)

    def _saga_ended(self, saga: Carrying) -> None:
        if saga.ended is not None:
            self._feed(
                SagaEnded(
                    id=self._id("end"), at=self._now(), saga=saga.saga, status=saga.ended, reason=saga.reason,
                    removed=tuple(saga.removed), joined=tuple(saga.joined),
                )
            )  # fmt: skip

    def _launch(self, wanted: ProposedLaunch) -> Machine | None:
        """Ask for one of the Spot pools; where none has room, on demand, if the decision names that."""
        market = self._stage.market
        machine = self._launch_spot([one.pool for one in wanted.spot]) if wanted.spot else None
        if machine is None and wanted.on_demand:
            pool = wanted.on_demand[0].pool
            machine = self.cluster.launch_on_demand(market.types[pool.instance_type], market.zones[pool.zone_id])
        return machine

    def _launch_spot(self, pools: Sequence[Pool]) -> Machine | None:
        tapes = [self._stage.market.tapes[self._index[pool]] for pool in pools]
        _, refused = self.cluster.cloud.choose(tapes)
        for tape in refused:
            self._tell(tape.pool, EvidenceKind.CAPACITY, self._id("refusal"), known=True)
        return self.cluster.launch_spot(tapes)

    def _plan(self, request: RequestPlan) -> None:
        """Plan what is seen now; the answer comes when planning has taken its time."""
        now, whole = self._now(), self._sight.snapshot(at=self._now())
        circumstances = circumstances_of(self.state, self._conduct.policy, resting=frozenset())
        seen = {node.name for node in whole.nodes}
        going = {name: module for name, module in circumstances.going.items() if name in seen}
        circumstances = replace(circumstances, going=going, covered=circumstances.covered & seen)
        snapshot = without_nodes(whole, tuple(circumstances.going), covered=circumstances.covered)
        catalog = without_pools(self._sight.catalog(), request.excluded_pools)
        self.cluster.tally.plans += 1
        settings = self._settings(request.generation, request.priority)
        answer: PlanReady | PlanFailed
        try:
            _, plan = checked_plan(
                snapshot, catalog=catalog, policy=self._conduct.policy, settings=settings, clock=_no_time
            )
        except (RejectedError, InvariantError) as err:
            answer = PlanFailed(id=self._id("failed"), at=self._now(), request=request.request, reason=str(err))
        else:
            plan = replace(plan, generation=request.generation, parent=request.parent)
            order = PlanOrder(
                request=request.request, cluster=self.state.cluster, priority=request.priority, objects=b"",
                observed_at=now, policy=self._conduct.policy, generation=request.generation, parent=request.parent,
                time_limit_s=0.0, ordered_at=now, circumstances=circumstances, excluded_pools=request.excluded_pools,
            )  # fmt: skip
            decision, leaving = decided(order, plan, with_prices(whole, catalog), catalog=catalog)
            self._plans[request.generation] = (plan, decision)
            self._plans = {number: known for number, known in self._plans.items() if number > request.generation - 10}
            made = PlanAnswer(
                request=request.request, cluster=self.state.cluster, plan=plan, decision=decision, leaving=leaving
            )
            answer = PlanReady(id=self._id("plan"), at=now, plan=brief_of(made, plan, observed_at=now))
        self._later(self._conduct.plan_s, self._answer, answer)

    def _answer(self, answer: PlanReady | PlanFailed) -> None:
        self._feed(replace(answer, at=self._now()))

    def _count(self, command: StorePlan) -> None:
        if command.status in (PlanStatus.FAILED, PlanStatus.REFUSED):
            self.cluster.tally.failed_plans += 1
        known = self._plans.get(command.generation)
        if known is not None and command.status in (PlanStatus.ACCEPTED, PlanStatus.NO_CHANGE):
            self._believe()
            risk = known[0].risk_after if command.status is PlanStatus.ACCEPTED else known[0].risk_before
            self._loss_per_month = risk.loss_probability_per_month

    def _believe(self) -> None:
        """Add up what was to be expected since then: of each node by its rate, of large losses by the plan."""
        now, tally = self.cluster.now_s, self.cluster.tally
        hours = (now - self._believed_s) / SECONDS_PER_H
        self._believed_s = now
        rates = (
            self._hazards.per_h(self._index[machine.tape.pool], now)
            for machine in self.cluster.machines.values()
            if machine.tape is not None and machine.stage is not Step.ENDED
        )
        tally.predicted += sum(rates) * hours
        tally.predicted_h += hours
        tally.predicted_large += -math.log1p(-min(self._loss_per_month, HIGHEST)) * hours / HOURS_PER_MONTH

    # Odds and ends

    def _tell(self, pool: Pool, kind: EvidenceKind, instance_id: str, *, known: bool) -> None:
        self._hive.observe(
            Evidence(
                id=self._id("evidence"),
                cluster=self.state.cluster,
                organisation=self.cluster.tenant,
                pool=pool,
                kind=kind,
                instance_id=instance_id,
                known=known,
                at=self._now(),
            )
        )

    def _end_actions(self, machine: Machine, ended: Ended, error: str) -> None:
        for action_id in self._actions.pop(machine, []):
            self._finish_action(action_id, ended, error)

    def _finish_action(self, action_id: str, ended: Ended, error: str = "") -> None:
        self._feed(ActionFinished(id=self._id("end"), at=self._now(), action_id=action_id, ended=ended, error=error))

    def _settings(self, number: int, priority: Priority) -> Settings:
        urgent = priority in (Priority.INTERRUPTION, Priority.PENDING)
        limit = self._conduct.work_limit if urgent else self._conduct.routine_work_limit
        return Settings(work_limit=limit, seed=number)

    def _later(self, seconds: float, act: object, subject: object) -> None:
        self.cluster.agenda.at(self.cluster.now_s + seconds, act, subject)  # type: ignore[arg-type]

    def _pool(self, machine: Machine) -> Pool:
        return pool_of(machine, self._stage.market.region)

    def _id(self, what: str) -> str:
        self._ids += 1
        return f"{self.cluster.index} {what} {self._ids}"

    def _now(self) -> datetime:
        return self._at(self.cluster.now_s)

    def _at(self, time_s: float) -> datetime:
        return self._stage.start + timedelta(seconds=time_s)


def _no_time() -> float:
    return 0.0
