"""One event's turn: collects commands, knows the root cause, keeps the story."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from actors.cluster.inputs import AgentConnected, AgentLost, Input, PoolCleared, PoolFlagged, SnapshotReceived, Tick
from actors.cluster.records import StoryLine
from domain.commands import (
    AgentActionKind,
    AskForSnapshot,
    Audit,
    Command,
    Outcome,
    Persist,
    QueueAction,
    Schedule,
    TellPortal,
    WakeAgent,
    derived_id,
)

if TYPE_CHECKING:
    from actors.cluster.state import ClusterState

MAX_STORY = 64
"""Lines of the story kept for each cluster: some days of a quiet one, some hours of a busy one."""

BY_AGENT = "System (Queued for Agent)"

_PASSING = (AgentConnected, AgentLost, PoolCleared, PoolFlagged, SnapshotReceived, Tick)
"""What these tell comes again after a restart, so they alone are no reason to store the state."""


class Turn:
    """The state, the event, and the commands so far. ``cause`` is the root: the event that began it all."""

    __slots__ = ("cause", "commands", "event", "state")

    def __init__(self, state: "ClusterState", event: Input) -> None:
        self.state = state
        self.event = event
        self.cause = event.id
        self.commands: list[Command] = []

    @property
    def now(self) -> datetime:
        """The latest time that any event has brought: late events do not turn it back."""
        return self.state.now

    @contextmanager
    def because(self, cause: str) -> Iterator[None]:
        """Within it, what happens is put down to another root than the event of this turn."""
        own, self.cause = self.cause, cause
        try:
            yield
        finally:
            self.cause = own

    def emit(self, command: Command) -> None:
        """Ask the outside for something."""
        self.commands.append(command)

    def note(self, text: str) -> None:
        """Add a line to the story."""
        story = self.state.story_lines
        story.append(StoryLine(cause=self.cause, event=self.event.id, at=self.event.at, text=text))
        del story[:-MAX_STORY]

    def audit(self, event: str, text: str, *, resource: str, outcome: Outcome, actor: str = "System") -> None:
        """Write an entry of the audit log, and a line of the story."""
        self.note(text)
        self.emit(
            Audit(
                cause=self.cause,
                at=self.event.at,
                event=event,
                resource=resource,
                outcome=outcome,
                text=text,
                actor=actor,
            )
        )

    def tell(self, topic: str, data: Mapping[str, str | int]) -> None:
        """Tell whoever watches."""
        self.emit(TellPortal(cause=self.cause, topic=topic, data=data))

    def queue(
        self,
        kind: AgentActionKind,
        payload: Mapping[str, str],
        *,
        reason: str,
        expires_at: datetime,
    ) -> bool:
        """Queue an action for the agent; in safe mode only say so. Returns whether it was queued."""
        state = self.state
        resource = "/".join(payload[key] for key in ("namespace", "pod", "node") if payload.get(key))
        if state.safe_mode:
            text = f"safe mode: would {_words(kind)} {resource}: {reason}"
            self.audit(kind, text, resource=resource, outcome=Outcome.DRY_RUN, actor=BY_AGENT)
            return False
        command = QueueAction(
            cause=self.cause,
            action_id=derived_id(state.cluster, self.cause, self.event.id, kind, *sorted(payload.values())),
            kind=kind,
            payload=payload,
            expires_at=expires_at,
            reason=reason,
        )
        state.in_flight[command.action_id] = command
        self.emit(command)
        text = f"queued: {_words(kind)} {resource}: {reason}"
        self.audit(kind, text, resource=resource, outcome=Outcome.SUCCESS, actor=BY_AGENT)
        return True

    def finished(self) -> list[Command]:
        """All commands of the turn: what must be stored first, one wake-up at the end."""
        commands = self.commands
        if any(isinstance(command, QueueAction) for command in commands):
            commands = [command for command in commands if not isinstance(command, WakeAgent)]
            commands.append(WakeAgent(cause=self.event.id))
        lasting = not isinstance(self.event, _PASSING)
        if lasting or any(not isinstance(command, Schedule | AskForSnapshot) for command in commands):
            commands = [Persist(cause=self.event.id), *commands]
        return commands


def _words(kind: str) -> str:
    return kind.replace("_", " ")
