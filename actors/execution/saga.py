"""One plan on its way into the world as a state machine: events in, commands out.

Pure: times come with events. What it knows lies in its steps (`ledger`), which are stored before anything is asked;
what it has seen of nodes and instances is only remembered until it looks again.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from actors.execution import words
from actors.execution.asks import CheckAgent, Command, Look, Withdraw
from actors.execution.inputs import (
    AbortAsked,
    AgentStands,
    Answered,
    AskFailed,
    Begun,
    Failure,
    Input,
    LaunchAnswered,
    LookFailed,
    Resumed,
    Seen,
    Ticked,
)
from actors.execution.ledger import instance_entry, pool_entry
from actors.execution.limits import GATE_SHARE, GRACE, HELD_S, LOST_AFTER, pause_s
from actors.execution.observing import observe
from actors.execution.ports import Ruling
from actors.execution.questions import Questions, choose_pools, projected_micro_usd
from actors.execution.returning import is_kept, lost_replacement, past, track_of, undoing
from actors.execution.state import SagaState, texts
from actors.execution.tracks import (
    BY_AGENT,
    KARPENTER,
    WAITING,
    Track,
)
from domain.commands import Outcome
from domain.errors import InvariantError
from domain.saga import (
    LaunchFailure,
    LaunchOrder,
    Removal,
    SagaSpec,
    SagaStatus,
    SagaStep,
    StepKind,
    StepStatus,
)
from domain.work import ActionStatus

BLIND_S = 300
"""Without any look for so long after it was due, a step that waits to be seen has failed."""


class Saga(SagaState):
    """One saga; `SagaState` says what it is made of."""

    def __init__(
        self,
        spec: SagaSpec,
        *,
        now: datetime,
        status: SagaStatus = SagaStatus.RUNNING,
        reason: str = "",
        steps: Iterable[SagaStep] = (),
    ) -> None:
        super().__init__(spec, now=now, status=status, reason=reason, steps=steps)
        self._questions = Questions(spec, self.ledger)
        self._looking = self._checking = False
        self._stood_at = now

    @property
    def retry_at(self) -> datetime | None:
        """When the next question may be asked again, ``None`` when none waits for that."""
        return min((step.retry_at for step in self.ledger.open() if step.retry_at is not None), default=None)

    @property
    def is_blind(self) -> bool:
        """Whether it waits for something that only a look can tell."""
        return any(step.kind in WAITING or step.kind in (*BY_AGENT, StepKind.DETACH) for step in self.ledger.open())

    def handle(self, event: Input) -> list[Command]:
        """What happened, into what is to be asked. Steps that have changed are stored before (`Ledger.changed`)."""
        self._commands = []
        if self.ended:
            self._heed_late(event)
            return self._commands
        self.now = max(self.now, event.at)
        self._apply(event)
        if not self.ended:
            self._go_on()
        if not self.ended and isinstance(event, Begun | Resumed | Ticked):
            self._check_agent()
            self._look()
        return self._commands

    def validate_state(self) -> None:
        """Check what must hold between any two events.

        Raises
        ------
        InvariantError
            When it does not: a bug.
        """
        for order in self.spec.launches:
            if len(self.ledger.launched(order)) > order.count:
                raise InvariantError(f"more nodes than ordered were launched for {order.name}")
        for removal in self.spec.removals:
            if self.ledger.is_touched(removal) and not all(self._is_up(name) for name in removal.after):
                raise InvariantError(f"node {removal.node} was touched before its replacement was ready")
        if self.ended and self.ledger.open():
            raise InvariantError("a saga that has ended has open steps")

    # What happened

    def _apply(self, event: Input) -> None:
        match event:
            case Begun():
                self._begin(event)
            case Resumed() | Ticked():
                if isinstance(event, Resumed):
                    self._asked.clear()
                self._fail_overdue()
            case Answered():
                self._on_answered(event)
            case LaunchAnswered():
                self._on_launched(event)
            case AskFailed():
                self._on_failed(event)
            case AgentStands():
                self._on_agent(event)
            case Seen(look=look, instances=instances):
                self._looking = False
                self.sight.take(look, instances, at=self.now)
                observe(self, look)
                self._fail_overdue()
            case LookFailed(text=text):
                self._looking = self._checking = False
                self.sight.miss(text)
            case AbortAsked(reason=reason):
                self._abort(reason)

    def _heed_late(self, event: Input) -> None:
        """An answer after the end: what it launched is kept in its step, for whoever sweeps."""
        step = self.ledger.get(event.step_id) if isinstance(event, LaunchAnswered) else None
        if step is not None and isinstance(event, LaunchAnswered) and event.answer.launched:
            entries = [instance_entry(one) for one in event.answer.launched]
            self.ledger.change(step, result={**step.result, "late": entries})

    def _begin(self, event: Begun) -> None:
        if self.now > self.spec.stale_at:
            self._finish(SagaStatus.UNDONE, f"not begun: it went stale at {self.spec.stale_at:%Y-%m-%d %H:%M:%S}")
        elif event.ruling is not Ruling.GO:
            for text in words.rehearsal(self.spec):
                self.tell("rehearsed", text, outcome=Outcome.DRY_RUN)
            self._finish(SagaStatus.DRY_RUN, "nothing was changed: safe mode or dry run")

    def _on_answered(self, event: Answered) -> None:
        step = self._open_step(event.step_id)
        if step is None:
            return
        if step.kind in BY_AGENT:
            self._queued.add(step.step_id)
        elif step.kind is StepKind.DETACH:
            volume = str(event.result.get("volume_id", ""))
            detached = [*texts(step.result.get("detached")), volume]
            left = [one for one in texts(step.result.get("left")) if one != volume]
            self.ledger.change(step, result={**step.result, "detached": detached, "left": left}, retry_at=None)
        else:
            self.done(step, dict(event.result))

    def _on_launched(self, event: LaunchAnswered) -> None:
        step = self._open_step(event.step_id)
        if step is None:
            return
        answer, market = event.answer, str(step.result.get("market", ""))
        failed = [{"pool": pool_entry(one.pool), "market": market, "why": str(one.failure)} for one in answer.failures]
        result = {**step.result, "instances": [instance_entry(one) for one in answer.launched], "failed": failed}
        if answer.launched:
            self.done(step, result)
        elif self.status is SagaStatus.UNDOING and not answer.failures:
            self._give_up_launch(step)
        else:
            result["final"] = bool(answer.failures) and all(f.failure is LaunchFailure.CONFIG for f in answer.failures)
            text = "; ".join(f"{one.pool}: {one.text}" for one in answer.failures[:3]) or "nothing was launched"
            self.fail(self.ledger.change(step, result=result), text)
        self._gate()

    def _give_up_launch(self, step: SagaStep) -> None:
        """Nothing was found of a launch whose answer was lost: believed once EC2 has had time to show it."""
        if self.now - step.asked_at < LOST_AFTER:
            self.ledger.change(step, retry_at=self.now + timedelta(seconds=10))
        else:
            self.ledger.end(step, StepStatus.DROPPED, self.now, error="nothing was launched")

    def _on_failed(self, event: AskFailed) -> None:
        step = self._open_step(event.step_id)
        if step is None:
            return
        unsure = step.tries > 1 and step.kind in (StepKind.LAUNCH, StepKind.TERMINATE)
        match event.failure:
            case Failure.BUG:
                self._freeze(event.text)
            case Failure.FORBIDDEN:
                held = StepStatus.HELD
                self.ledger.change(step, status=held, retry_at=self.later_by(HELD_S), error=event.text)
                self._abort(f"changes are not permitted: {event.text}")
            case Failure.REJECTED if not unsure:
                self.fail(self.ledger.change(step, result={**step.result, "final": True}), event.text)
            case _:
                pause = HELD_S if event.failure is Failure.REJECTED else pause_s(step.tries)
                self.ledger.change(step, retry_at=self.later_by(pause), error=event.text)
                if event.failure is Failure.REJECTED:
                    self._abort(f"{step.kind} {step.subject}: {event.text}")

    def _on_agent(self, event: AgentStands) -> None:
        self._checking = False
        self._stood_at = self.now
        by_token = {step.token: step for step in self.ledger.open() if step.kind in BY_AGENT}
        for standing in event.standings:
            step = by_token.get(str(standing.action_id))
            if step is None:
                continue
            self._queued.add(step.step_id)
            if standing.status is ActionStatus.COMPLETED:
                self.done(step, {})
            elif standing.status in (ActionStatus.FAILED, ActionStatus.EXPIRED):
                self.fail(step, standing.error or str(standing.status))
        known = {standing.action_id for standing in event.standings}
        for token in event.checked:
            step = by_token.get(str(token))
            if step is not None and token not in known and self._is_unwanted(step):
                self.ledger.end(step, StepStatus.DROPPED, self.now, error="it was never queued")
        self._fail_overdue()

    def _fail_overdue(self) -> None:
        for step in self.ledger.open():
            if step.kind in WAITING or step.kind is StepKind.DETACH:
                seen_after = self.sight.at is not None and self.sight.at >= step.due_at
                overdue = seen_after or self.now >= step.due_at + timedelta(seconds=BLIND_S)
            elif step.kind in BY_AGENT:
                overdue = self._stood_at >= step.due_at + GRACE and step.step_id not in self._asked
            else:
                overdue = self.now >= step.due_at and step.step_id not in self._asked
            if overdue:
                self._on_overdue(step)

    def _on_overdue(self, step: SagaStep) -> None:
        text = "; ".join(filter(None, (step.error or words.overdue(step), self.sight.missed)))
        if step.kind is StepKind.LAUNCH and self.status is SagaStatus.RUNNING:
            self._abort(f"{step.kind} {step.subject}: {text}")
        elif step.kind is StepKind.LAUNCH and self.now < step.due_at + timedelta(hours=1):
            return
        elif step.kind in (StepKind.LAUNCH, StepKind.TERMINATE) and step.tries > 0:
            lost = {**step.result, "final": True, "unknown": True}
            self.fail(self.ledger.change(step, result=lost), f"nobody knows whether it happened: {text}")
        else:
            self.fail(step, text)

    # What follows

    def _go_on(self) -> None:
        if self.status is SagaStatus.RUNNING:
            left = (track for track in self.tracks if not self.is_complete(track))
            problem = next((text for track in left if (text := self.ledger.has_failed(track))), "")
            problem = problem or lost_replacement(self)
            if problem:
                self._abort(problem)
        for track in self._tracks():
            if self.ended:
                return
            self._begin_next(track)
        for step in self.ledger.open():
            self._ask(step)
        self._end_if_over()

    def _tracks(self) -> list[Track]:
        """Tracks that may go on now: all they need is complete."""
        tracks = self._wanted() if self.status is SagaStatus.RUNNING else [*past(self), *undoing(self)]
        known = self.named | {track.name: track for track in tracks}
        return [track for track in tracks if all(self.is_complete(known.get(name)) for name in track.needs)]

    def _wanted(self) -> list[Track]:
        """What comes first, launches that nodes under way need or that no node waits for, and those nodes."""
        left = [track for track in self.tracks if track.removal is not None and not self.is_complete(track)]
        under_way = left[: self.spec.width]
        needed = {name for track in under_way for name in track.needs}
        waited_for = {name for track in left for name in track.needs}
        return [
            track
            for track in self.tracks
            if track in under_way
            or (track.removal is None and (track.order is None or track.name in needed or track.name not in waited_for))
        ]

    def _begin_next(self, track: Track) -> None:
        kind = self.ledger.current(track)
        if kind is None:
            return
        last = self.ledger.latest(track.name, kind)
        if last is not None and last.ended_at is None:
            return
        if track.undoes and self._agent_is_at(KARPENTER if kind is StepKind.RESTORE else track.node):
            return
        if self.ledger.has_failed(track):
            return
        if kind is StepKind.LAUNCH and track.order is not None:
            self._begin_launch(track, track.order)
            return
        again_at = self.ledger.again_at(track, kind)
        if last is not None and last.status is StepStatus.FAILED and again_at is not None and again_at > self.now:
            return
        self.ledger.begin(track, kind, self.now)
        if kind in WAITING or kind is StepKind.DETACH:
            self._look()

    def _begin_launch(self, track: Track, order: LaunchOrder) -> None:
        last = self.ledger.latest(track.name, StepKind.LAUNCH)
        chosen = None if last is not None and last.result.get("final") else choose_pools(self.ledger, order)
        if chosen is None:
            self._abort(f"launch {order.name}: {last.error if last and last.error else 'no pool has room'}")
            return
        market, pools = chosen
        again_at = self.ledger.again_at(track, StepKind.LAUNCH)
        if again_at is not None and again_at > self.now and last is not None and last.status is StepStatus.DONE:
            return
        step = self.ledger.begin(track, StepKind.LAUNCH, self.now)
        missing = order.count - len(self.ledger.launched(order))
        result = {"market": str(market), "pools": [pool_entry(one.pool) for one in pools], "count": missing}
        self.ledger.change(step, result=result)

    def _ask(self, step: SagaStep) -> None:
        """Ask, or ask again; what is on its way to an answer is left alone."""
        busy = step.step_id in self._asked or step.step_id in self._queued
        if step.kind in WAITING or busy or self._is_unwanted(step):
            return
        if step.retry_at is not None and step.retry_at > self.now:
            return
        if step.kind is StepKind.DETACH and not step.result.get("left"):
            return
        track = track_of(self, step.track)
        if track is None:
            return
        if not self.ledger.is_first_asking(step):
            step = self.ledger.change(step, status=StepStatus.ASKED, tries=step.tries + 1, retry_at=None)
        question = self._questions.of(step, track, undoing=self.status is SagaStatus.UNDOING)
        if question is not None:
            self._asked.add(step.step_id)
            self._commands.append(question)

    def _is_unwanted(self, step: SagaStep) -> bool:
        """Whether the agent may be at a removal that is undone: not asked again, only waited for."""
        forward_only = step.kind in (StepKind.REQUIRE, StepKind.CORDON, StepKind.DRAIN) and not step.track.startswith(
            "undo "
        )
        return self.status is SagaStatus.UNDOING and forward_only and step.step_id not in self._asked

    def _agent_is_at(self, track: str) -> bool:
        kinds = (StepKind.REQUIRE, StepKind.CORDON, StepKind.DRAIN)
        return any(step.track == track and step.kind in kinds for step in self.ledger.open())

    def _gate(self) -> None:
        """Stop when what was launched costs so much that the plan is not worth its disruption any more."""
        promised = self.spec.promised_micro_usd_per_h
        if self.status is not SagaStatus.RUNNING or promised <= 0:
            return
        projected = projected_micro_usd(self.spec, self.ledger)
        if projected < GATE_SHARE * promised:
            self._abort(f"it would save {words.usd(projected)} instead of {words.usd(promised)} an hour")

    def _abort(self, reason: str) -> None:
        """Begin nothing more; go back wherever a node was not yet asked to end."""
        if self.status is not SagaStatus.RUNNING:
            return
        self.status, self.reason = SagaStatus.UNDOING, reason
        self.tell("saga_undoing", f"stopped, and undone where it can be: {reason}", outcome=Outcome.FAILURE)
        gone = {track.name for track in past(self)}
        withdrawn: list[UUID] = []
        for step in self.ledger.open():
            if step.track in gone:
                continue
            unasked = step.status is StepStatus.HELD and step.tries == 1
            if unasked or step.kind in WAITING or step.kind is StepKind.DETACH:
                step = self.ledger.change(step, result={**step.result, "unasked": unasked})
                self.ledger.end(step, StepStatus.DROPPED, self.now, error=step.error or "not wanted any more")
            elif step.kind in BY_AGENT:
                withdrawn.append(UUID(step.token))
        if withdrawn:
            self._commands.append(Withdraw(action_ids=tuple(withdrawn), reason=reason))

    def freeze(self, text: str) -> list[Command]:
        """A bug: touch nothing any more, and say so."""
        self._commands = []
        self._freeze(text)
        return self._commands

    def _freeze(self, text: str) -> None:
        """A bug: touch nothing any more, and say so."""
        for step in self.ledger.open():
            self.ledger.end(step, StepStatus.DROPPED, self.now, error=text)
        self._finish(SagaStatus.STOPPED, f"a bug stopped it where it was: {text}")

    def _end_if_over(self) -> None:
        if self.ended or self.ledger.open():
            return
        if self.status is SagaStatus.RUNNING:
            if all(self.is_complete(track) for track in self.tracks):
                self._finish(SagaStatus.DONE, "")
            return
        tracks = [*past(self), *undoing(self)]
        stuck = {track.name: text for track in tracks if (text := self.ledger.has_failed(track))}
        left = [t for t in tracks if not self.is_complete(t) and t.name not in stuck]
        if all(any(name in stuck for name in track.needs) for track in left):
            self._settle([*stuck.values(), *(f"{t.instance_id} is left running" for t in left)])

    def _settle(self, problems: list[str]) -> None:
        """The end of an undoing: all as before, or stopped with what is left."""
        kept = [
            one.instance_id
            for order in self.spec.launches
            if is_kept(self, order)
            for one in self.ledger.launched(order)
        ]
        lost = [step for step in self.ledger if step.result.get("unknown") and step.status is StepStatus.FAILED]
        problems += [f"{step.kind} {step.subject}: {step.error}" for step in lost if step.kind is StepKind.LAUNCH]
        removed = [track.node for track in past(self) if self.is_complete(track)]
        if not problems and not kept and not removed:
            self._finish(SagaStatus.UNDONE, self.reason)
            return
        told = [self.reason]
        told += [f"removed before: {', '.join(removed)}"] if removed else []
        told += [f"new nodes that stay: {', '.join(kept)}"] if kept else []
        self._finish(SagaStatus.STOPPED, "; ".join([*told, *problems]))

    def _finish(self, status: SagaStatus, reason: str) -> None:
        self.status, self.reason = status, reason
        outcome = words.OUTCOMES[status]
        self.tell(f"saga_{status}", words.ending(self.spec, status, reason), outcome=outcome)

    def _open_step(self, step_id: str) -> SagaStep | None:
        self._asked.discard(step_id)
        step = self.ledger.get(step_id)
        return step if step is not None and step.ended_at is None else None

    def _is_up(self, name: str) -> bool:
        return self.is_complete(self.named.get(name))

    def _check_agent(self) -> None:
        tokens = [UUID(step.token) for step in self.ledger.open() if step.kind in BY_AGENT]
        if tokens and not self._checking:
            self._checking = True
            self._commands.append(CheckAgent(action_ids=tuple(tokens)))

    def _look(self) -> None:
        if self._looking or not self.is_blind:
            return
        self._looking = True
        removals = [one for one in self.spec.removals if not self._is_over(one)]
        needed = {name for removal in removals for name in removal.after}
        orders = [one for one in self.spec.launches if one.name in needed or not self._is_up(one.name)]
        launched = [one.instance_id for order in orders for one in self.ledger.launched(order)]
        instances = [*(one.instance_id for one in removals if one.instance_id), *launched]
        nodes = [*(one.node for one in removals), *(s.subject for s in self.ledger.open() if s.kind is StepKind.EMPTY)]
        self._commands.append(Look(nodes=tuple(dict.fromkeys(nodes)), instance_ids=tuple(dict.fromkeys(instances))))

    def _is_over(self, removal: Removal) -> bool:
        step = self.ledger.latest(removal.node, StepKind.GONE)
        return step is not None and step.status is StepStatus.DONE
