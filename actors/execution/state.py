"""What a saga knows, and the small things that all its parts do with it."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from actors.execution import words
from actors.execution.asks import Command, Tell
from actors.execution.ledger import Ledger
from actors.execution.sight import Sight
from actors.execution.tracks import BY_AGENT, WAITING, Track, forward
from domain.commands import Outcome
from domain.saga import OPEN_SAGAS, SagaSpec, SagaStatus, SagaStep, StepStatus


class SagaState:
    """The state of a saga: its steps, which are stored, and what was last seen and asked, which is not.

    Parameters
    ----------
    spec
        What it is to do.
    now
        The time (UTC): when it was made, or when it was last stored.
    status, reason, steps
        As they were stored; left out for a new one.
    """

    def __init__(
        self,
        spec: SagaSpec,
        *,
        now: datetime,
        status: SagaStatus = SagaStatus.RUNNING,
        reason: str = "",
        steps: Iterable[SagaStep] = (),
    ) -> None:
        self.spec = spec
        self.now = now
        self.status = status
        self.reason = reason
        self.ledger = Ledger(spec, steps)
        self.tracks = forward(spec)
        self.named = {track.name: track for track in self.tracks}
        self.orders = {order.name: order for order in spec.launches}
        self._complete: set[str] = set()
        self.sight = Sight()
        self._asked: set[str] = set()
        self._queued: set[str] = set()
        self._commands: list[Command] = []

    @property
    def ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self.status not in OPEN_SAGAS

    def done(self, step: SagaStep, result: object) -> None:
        """A step is done, and gave this."""
        kept = dict(result) if isinstance(result, dict) else {}
        step = self.ledger.change(step, result=kept)
        self._close(self.ledger.end(step, StepStatus.DONE, self.now))

    def fail(self, step: SagaStep, text: str) -> None:
        """A step has failed, and why."""
        self._close(self.ledger.end(step, StepStatus.FAILED, self.now, error=text))

    def _close(self, step: SagaStep) -> None:
        self._asked.discard(step.step_id)
        self._queued.discard(step.step_id)
        if step.kind not in WAITING:
            succeeded = step.status is StepStatus.DONE
            outcome = Outcome.SUCCESS if succeeded else Outcome.FAILURE
            actor = words.BY_AGENT if step.kind in BY_AGENT else words.BY_AWS
            self.tell(step.kind, words.step_text(step), outcome=outcome, resource=step.subject, actor=actor)

    def later_by(self, seconds: float) -> datetime:
        """That many seconds from now."""
        return self.now + timedelta(seconds=seconds)

    def is_complete(self, track: Track | None) -> bool:
        """Whether all steps of a track are done; false for one that there is not."""
        if track is None:
            return False
        if track.name not in self._complete and self.ledger.current(track) is None:
            self._complete.add(track.name)  # nothing takes back what is complete
        return track.name in self._complete

    def tell(self, event: str, text: str, *, outcome: Outcome, resource: str = "", actor: str = words.BY_AWS) -> None:
        """Write an entry of the audit log."""
        plan = f"plan {self.spec.plan_generation}" if self.spec.plan_generation else f"saga {self.spec.id}"
        self._commands.append(Tell(event=event, resource=resource or plan, outcome=outcome, text=text, actor=actor))


def texts(value: object) -> list[str]:
    """A list of texts from the result of a step."""
    return [str(one) for one in value] if isinstance(value, list) else []
