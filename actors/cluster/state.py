"""The state of one cluster. ``handle`` takes an event and gives commands; nothing else changes the state.

Kept small: nodes as facts, no pods, no objects; of plans only which nodes they touch, while they are carried out or
await approval.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from actors.cluster import invariants
from actors.cluster.execution import abort, ask_again, on_finished, on_saga_ended, stop_for_safe_mode
from actors.cluster.inputs import (
    ActionFinished,
    AgentConnected,
    AgentLost,
    AgentReported,
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
from actors.cluster.notices import act_on_going, on_agent_event, on_nodes_seen
from actors.cluster.planning import (
    drop_proposal,
    on_approved,
    on_failed,
    on_ready,
    on_rejected,
    on_requested,
    request_of,
    send_next,
)
from actors.cluster.records import (
    Asked,
    ClusterSettings,
    EarlyNotice,
    Execution,
    Flag,
    Going,
    Mode,
    NodeFacts,
    Past,
    PendingPods,
    Proposal,
    StoryLine,
    Wish,
)
from actors.cluster.ticks import on_tick, schedule
from actors.cluster.turn import Turn
from domain.commands import Command, Outcome, QueueAction, WakeAgent

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
MAX_SEEN = 2_000
"""Event ids remembered; far more than an honest cluster sends within five minutes."""


@dataclass(slots=True, kw_only=True)
class ClusterState:
    """What is known of one cluster, what is wanted and what is under way.

    Parameters
    ----------
    now
        The latest time that any event has brought (UTC).
    snapshot_at
        When the newest snapshot was observed, ``None`` before the first.
    going
        Nodes that go, by name.
    early
        Interruptions of instances that are no known nodes, by instance id.
    accepted
        Generation of the plan accepted last, the parent of every plan from now on.
    executions
        Plans that are carried out, by the id of their saga: one at most that is not about an interruption.
    in_flight
        Actions of the agent whose end is not known, by id; those of sagas are not among them.
    past
        What decisions remember.
    seen
        Ids of events and requests of the last five minutes.
    ticking_at
        When the next tick was asked for.
    """

    cluster: str
    organisation: str
    region: str
    settings: ClusterSettings = field(default_factory=ClusterSettings)
    safe_mode: bool = False
    connected: bool = False
    now: datetime = BEGINNING
    snapshot_at: datetime | None = None
    snapshot_asked_at: datetime | None = None
    nodes: dict[str, NodeFacts] = field(default_factory=dict)
    going: dict[str, Going] = field(default_factory=dict)
    early: dict[str, EarlyNotice] = field(default_factory=dict)
    flagged: list[Flag] = field(default_factory=list)
    last_generation: int = 0
    accepted: int | None = None
    asked: Asked | None = None
    wishes: list[Wish] = field(default_factory=list)
    proposal: Proposal | None = None
    executions: dict[str, Execution] = field(default_factory=dict)
    in_flight: dict[str, QueueAction] = field(default_factory=dict)
    past: Past = field(default_factory=Past)
    last_routine_at: datetime | None = None
    last_pending_at: datetime | None = None
    pending: PendingPods | None = None
    seen: dict[str, datetime] = field(default_factory=dict)
    ticking_at: datetime | None = None
    story_lines: list[StoryLine] = field(default_factory=list)

    def handle(self, event: Input) -> list[Command]:
        """What happened, into what is to be done.

        Commands come in the order in which they are to be carried out; a leading `Persist` comes with everything that
        must not be forgotten.
        """
        turn = Turn(self, event)
        self.now = max(self.now, event.at)
        if self._is_repeated(event):
            return []
        _dispatch(turn, event)
        send_next(turn)
        schedule(turn)
        return turn.finished()

    def story(self, event_id: str) -> list[StoryLine]:
        """What an event has led to, as far back as the story reaches."""
        return [line for line in self.story_lines if event_id in (line.cause, line.event)]

    def validate_state(self) -> None:
        """Check what must hold between any two events.

        Raises
        ------
        InvariantError
            When it does not: a bug.
        """
        invariants.check(self)

    def _is_repeated(self, event: Input) -> bool:
        if not isinstance(event, AgentReported | OptimiseRequested | PlanApproved):
            return False
        if event.id in self.seen:
            return True
        while len(self.seen) >= MAX_SEEN:
            del self.seen[next(iter(self.seen))]
        self.seen[event.id] = self.now
        return False


def _dispatch(turn: Turn, event: Input) -> None:
    state = turn.state
    match event:
        case SnapshotReceived():
            _on_snapshot(turn, event)
        case AgentReported():
            _on_reported(turn, event)
        case PoolFlagged():
            state.flagged = [
                *(f for f in state.flagged if f.pool != event.pool),
                Flag(pool=event.pool, until=event.until),
            ]
        case PoolCleared():
            state.flagged = [flag for flag in state.flagged if flag.pool != event.pool]
        case OptimiseRequested():
            on_requested(turn, event)
        case PlanReady():
            on_ready(turn, event)
        case PlanFailed():
            on_failed(turn, event)
        case PlanApproved():
            on_approved(turn, event)
        case PlanRejected():
            on_rejected(turn, event)
        case ActionFinished():
            on_finished(turn, event)
        case SagaEnded():
            on_saga_ended(turn, event)
        case PolicyChanged():
            _on_policy(turn, event)
        case SafeModeSwitched():
            _on_safe_mode(turn, event)
        case Tick():
            on_tick(turn)
        case AgentConnected():
            _on_connected(turn)
        case AgentLost():
            state.connected = False
            turn.note("the agent is not heard of")
        case Restored():
            _on_restored(turn)


def _on_snapshot(turn: Turn, event: SnapshotReceived) -> None:
    state = turn.state
    if state.snapshot_at is not None and event.observed_at < state.snapshot_at:
        return
    state.snapshot_at, state.snapshot_asked_at = event.observed_at, None
    nodes = {node.name: node for node in event.nodes}
    if nodes != state.nodes:
        state.nodes = nodes
    on_nodes_seen(turn)


def _on_reported(turn: Turn, event: AgentReported) -> None:
    reported = event.event
    if reported.is_stale(turn.now):
        turn.note(f"{reported.kind} of {reported.at.isoformat(timespec='seconds')} is too old to be acted upon")
        return
    turn.note(f"{reported.kind}")
    on_agent_event(turn, reported)


def _on_policy(turn: Turn, event: PolicyChanged) -> None:
    state = turn.state
    state.settings = event.settings
    turn.note(f"the policy has changed, mode {event.settings.mode}")
    reason = event.settings.cannot_act
    if event.settings.mode is not Mode.APPROVE or reason:
        drop_proposal(turn, reason or f"the mode is {event.settings.mode} now")
    if event.settings.mode is Mode.RECOMMEND:
        abort(turn, "the mode is recommend now")


def _on_safe_mode(turn: Turn, event: SafeModeSwitched) -> None:
    state = turn.state
    if state.safe_mode == event.on:
        return
    state.safe_mode = event.on
    word = "on" if event.on else "off"
    turn.audit("safe_mode", f"safe mode is {word}", resource=state.cluster, outcome=Outcome.SUCCESS)
    if event.on:
        stop_for_safe_mode(turn)
    else:
        act_on_going(turn)


def _on_connected(turn: Turn) -> None:
    turn.state.connected = True
    turn.note("the agent is there")
    if turn.state.in_flight:
        turn.emit(WakeAgent(cause=turn.event.id))


def _on_restored(turn: Turn) -> None:
    """Repeat what leaves no row in the database; all of it may be done twice without harm."""
    state = turn.state
    state.ticking_at = state.snapshot_asked_at = None
    turn.note("restored")
    ask_again(turn)
    if state.in_flight:
        turn.emit(WakeAgent(cause=turn.event.id))
    if state.asked is not None:
        turn.emit(request_of(turn, state.asked))
