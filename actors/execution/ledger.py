"""The steps of a saga, and what follows from them: nothing about a saga is known that its steps do not tell."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from actors.execution.limits import ATTEMPTS as FORWARD_ATTEMPTS
from actors.execution.limits import DUE_S, UNDO_ATTEMPTS, pause_s
from actors.execution.tracks import Track
from domain.market import CapacityType, Pool
from domain.saga import (
    OPEN_STEPS,
    Launched,
    LaunchOrder,
    Removal,
    SagaSpec,
    SagaStep,
    StepKind,
    StepStatus,
    step_token,
)


class Ledger:
    """Steps by track and kind, and those changed since they were last stored."""

    def __init__(self, spec: SagaSpec, steps: Iterable[SagaStep] = ()) -> None:
        self._spec = spec
        self._steps = {step.step_id: step for step in steps}
        self._attempts: dict[tuple[str, StepKind], dict[int, SagaStep]] = {}
        self._open: dict[str, None] = {}
        self._changed: dict[str, None] = {}
        self._unasked: set[str] = set()
        for step in sorted(self._steps.values(), key=lambda one: (one.asked_at, one.step_id)):
            self._index(step)

    def __iter__(self) -> Iterator[SagaStep]:
        return iter(self._steps.values())

    def get(self, step_id: str) -> SagaStep | None:
        """One step."""
        return self._steps.get(step_id)

    def latest(self, track: str, kind: StepKind) -> SagaStep | None:
        """The last attempt of a step."""
        attempts = self._attempts.get((track, kind))
        return attempts[max(attempts)] if attempts else None

    def open(self) -> list[SagaStep]:
        """Steps that have not ended."""
        return [self._steps[step_id] for step_id in self._open]

    def changed(self) -> tuple[SagaStep, ...]:
        """Steps to store, each once; the next call gives those that change from now on."""
        changed, self._changed = self._changed, {}
        return tuple(self._steps[step_id] for step_id in changed)

    def begin(self, track: Track, kind: StepKind, now: datetime) -> SagaStep:
        """The next attempt of a step."""
        last = self.latest(track.name, kind)
        attempt = last.attempt + 1 if last else 1
        step_id = f"{track.name}/{kind}/{attempt}"
        step = SagaStep(
            saga_id=self._spec.id,
            step_id=step_id,
            organization_id=self._spec.organization_id,
            cluster_id=self._spec.cluster_id,
            track=track.name,
            kind=kind,
            subject=track.node or track.instance_id or track.name,
            status=StepStatus.ASKED,
            attempt=attempt,
            token=step_token(self._spec.id, step_id),
            asked_at=now,
            due_at=now + timedelta(seconds=DUE_S[kind]),
        )
        self._put(step)
        self._unasked.add(step_id)
        return step

    def is_first_asking(self, step: SagaStep) -> bool:
        """Whether a step was begun in this life and is asked for the first time; asking it counts."""
        first = step.step_id in self._unasked
        self._unasked.discard(step.step_id)
        return first

    def change(
        self, step: SagaStep, **fields: Any
    ) -> SagaStep:  # fields of SagaStep, as dataclasses.replace takes them
        """A step as it is from now on."""
        changed = replace(step, **fields)
        self._put(changed)
        return changed

    def end(self, step: SagaStep, status: StepStatus, now: datetime, error: str = "") -> SagaStep:
        """A step has ended."""
        return self.change(step, status=status, ended_at=now, retry_at=None, error=error)

    def is_done(self, track: Track, kind: StepKind) -> bool:
        """Whether a step of a track is done."""
        if kind is StepKind.LAUNCH and track.order is not None:
            return len(self.launched(track.order)) >= track.order.count
        last = self.latest(track.name, kind)
        return last is not None and last.status is StepStatus.DONE

    def current(self, track: Track) -> StepKind | None:
        """The step that a track is at, ``None`` when it is complete. A node that is gone needs no more steps."""
        if StepKind.GONE in track.kinds and self.is_done(track, StepKind.GONE):
            return None
        return next((kind for kind in track.kinds if not self.is_done(track, kind)), None)

    def has_failed(self, track: Track) -> str:
        """Why a track cannot go on, empty when it can."""
        kind = self.current(track)
        last = self.latest(track.name, kind) if kind else None
        if last is None or last.status is not StepStatus.FAILED or kind is StepKind.LAUNCH:
            return ""
        most = UNDO_ATTEMPTS if track.undoes else FORWARD_ATTEMPTS
        final = bool(last.result.get("final")) and not track.undoes
        return f"{kind} {last.subject}: {last.error}" if final or last.attempt >= most else ""

    def again_at(self, track: Track, kind: StepKind) -> datetime | None:
        """When the next attempt of a step may begin."""
        last = self.latest(track.name, kind)
        if last is None or last.ended_at is None:
            return None
        return last.ended_at + timedelta(seconds=pause_s(last.attempt))

    def launches(self, order: LaunchOrder) -> list[SagaStep]:
        """All requests of an order, in order."""
        return self._all(order.name, StepKind.LAUNCH)

    def launched(self, order: LaunchOrder) -> list[Launched]:
        """Instances of an order, those left out that have died before they joined."""
        dead = {str(dead) for step in self._all(order.name, StepKind.JOIN) for dead in _list(step, "dead")}
        found = [launched_from(one) for step in self.launches(order) for one in _list(step, "instances")]
        return [one for one in found if one.instance_id not in dead]

    def joined(self, order: LaunchOrder) -> dict[str, str]:
        """Node names by instance, once all have joined."""
        step = self.latest(order.name, StepKind.JOIN)
        nodes = step.result.get("nodes", {}) if step is not None and step.status is StepStatus.DONE else {}
        return dict(nodes) if isinstance(nodes, dict) else {}

    def failed_pools(self, order: LaunchOrder, capacity_type: CapacityType) -> set[Pool]:
        """Pools of a market that have refused an order."""
        failed = [one for step in self.launches(order) for one in _list(step, "failed")]
        return {pool_from(one["pool"]) for one in failed if one["market"] == capacity_type}

    def market_tries(self, order: LaunchOrder, capacity_type: CapacityType) -> int:
        """Requests of an order in a market."""
        return sum(step.result.get("market") == capacity_type for step in self.launches(order))

    def is_past(self, removal: Removal) -> bool:
        """Whether a node may have been asked to end: from here a removal only goes forward."""
        step = self.latest(removal.node, StepKind.TERMINATE)
        gone = self.latest(removal.node, StepKind.GONE)
        if gone is not None and gone.status is StepStatus.DONE:
            return True
        if step is None or step.status in (StepStatus.FAILED, StepStatus.DROPPED):
            return False
        return step.status is not StepStatus.HELD or step.tries > 1

    def is_touched(self, removal: Removal) -> bool:
        """Whether a node may have been cordoned by us."""
        return self.was_asked(removal.node, StepKind.CORDON) and not removal.was_cordoned

    def was_asked(self, track: str, kind: StepKind) -> bool:
        """Whether a step was begun, and not dropped before anything was asked."""
        steps = self._all(track, kind)
        return any(not (step.status is StepStatus.DROPPED and step.result.get("unasked")) for step in steps)

    def _all(self, track: str, kind: StepKind) -> list[SagaStep]:
        attempts = self._attempts.get((track, kind), {})
        return [attempts[number] for number in sorted(attempts)]

    def _put(self, step: SagaStep) -> None:
        self._steps[step.step_id] = step
        self._index(step)
        self._changed[step.step_id] = None

    def _index(self, step: SagaStep) -> None:
        self._attempts.setdefault((step.track, step.kind), {})[step.attempt] = step
        if step.status in OPEN_STEPS:
            self._open[step.step_id] = None
        else:
            self._open.pop(step.step_id, None)


def instance_entry(one: Launched) -> dict[str, object]:
    """A launched instance as it is kept in its step."""
    return {"id": one.instance_id, "pool": pool_entry(one.pool), "market": str(one.capacity_type)}


def launched_from(entry: dict[str, Any]) -> Launched:
    """A launched instance from its step."""
    return Launched(
        instance_id=str(entry["id"]), pool=pool_from(entry["pool"]), capacity_type=CapacityType(entry["market"])
    )


def pool_entry(pool: Pool) -> list[str]:
    """A pool as it is kept in a step."""
    return [pool.region, pool.zone_id, pool.instance_type]


def pool_from(entry: list[str]) -> Pool:
    """A pool from a step."""
    region, zone_id, instance_type = entry
    return Pool(region=region, zone_id=zone_id, instance_type=instance_type)


def _list(step: SagaStep, key: str) -> list[Any]:
    value = step.result.get(key, [])
    return value if isinstance(value, list) else []
