"""Carry what waits in the outbox to the service: events and results at once, measurements with the objects' changes."""

from collections.abc import Callable
from typing import Protocol

import structlog

from agent.backoff import Backoff
from agent.clock import Clock
from agent.service.bodies import bare, pack_metrics, without_details
from agent.service.client import ServiceClient
from agent.service.errors import BodyRefusedError, ServiceAwayError, TooLargeError, UnwelcomeError
from agent.service.outbox import Outbox, Sample
from agent.service.session import Session
from agent.telemetry import Telemetry
from agent.watching.mirror import Change, Mirror
from domain.wire.events import MAX_EVENTS
from domain.wire.messages import MetricsAnswer

log = structlog.get_logger(__name__)


class Load(Protocol):
    """One lane of the outbox."""

    kind: str

    def waiting(self) -> int:
        """How many there are."""

    async def wait(self) -> None:
        """Until something is there."""

    async def send_next(self) -> None:
        """Send the oldest, and take it out when the service has it or will never take it.

        Raises
        ------
        ServiceAwayError, UnwelcomeError
            When it stays and is to be sent later.
        """


class Courier:
    """Sends one lane, in order, as long as the service accepts this agent."""

    def __init__(self, load: Load, session: Session, clock: Clock, telemetry: Telemetry) -> None:
        self._load = load
        self._session = session
        self._clock = clock
        self._telemetry = telemetry
        self._away = False

    async def run(self) -> None:
        """Until cancelled."""
        backoff = Backoff()
        while True:
            await self._load.wait()
            await self._session.ready()
            try:
                await self._load.send_next()
            except UnwelcomeError as err:
                self._session.refused(err)
            except ServiceAwayError as err:
                self._say(str(err))
                await self._clock.sleep(backoff.next_s(at_least_s=err.retry_after_s))
            else:
                backoff.reset()
                self._say("")

    def _say(self, problem: str) -> None:
        """Once when the service goes and once when it is back."""
        if problem:
            self._telemetry.error(self._load.kind)
        if problem and not self._away:
            log.warning("the service is away, what waits is kept", kind=self._load.kind, problem=problem)
        elif self._away and not problem:
            log.info("the service is back", kind=self._load.kind)
        self._away = bool(problem)


class EventLoad:
    """Events, as many at once as a body takes; fewer where that was too large."""

    kind = "events"

    def __init__(self, client: ServiceClient, outbox: Outbox, telemetry: Telemetry) -> None:
        self._client = client
        self._lane = outbox.events
        self._telemetry = telemetry
        self._most = MAX_EVENTS

    def waiting(self) -> int:
        """How many there are."""
        return len(self._lane)

    async def wait(self) -> None:
        """Until an event is there."""
        await self._lane.wait()

    async def send_next(self) -> None:
        """Send one body."""
        batch = self._lane.first(self._most)
        keys = [key for key, _ in batch]
        try:
            answer = await self._client.send_events([text for _, text in batch])
        except BodyRefusedError as err:
            if isinstance(err, TooLargeError) and len(batch) > 1:
                self._most = len(batch) // 2
                return
            _drop(self._telemetry, self.kind, err)
        else:
            self._telemetry.sent.labels(self.kind).inc()
            for refused in answer.events_refused:
                self._telemetry.dropped.labels(self.kind, "refused").inc()
                which = "".join(keys[refused.index : refused.index + 1])  # none, if it counts otherwise than we do
                log.error("an event was refused", event_id=which, field=refused.field, why=refused.problem)
        self._lane.done(keys)


class ResultLoad:
    """Results of actions, one by one."""

    kind = "results"

    def __init__(self, client: ServiceClient, outbox: Outbox, telemetry: Telemetry) -> None:
        self._client = client
        self._lane = outbox.results
        self._telemetry = telemetry

    def waiting(self) -> int:
        """How many there are."""
        return len(self._lane)

    async def wait(self) -> None:
        """Until a result is there."""
        await self._lane.wait()

    async def send_next(self) -> None:
        """Send the oldest. One that belongs to no action, or to one that was given up, is dropped."""
        ((action_id, text),) = self._lane.first(1)
        try:
            await self._send(action_id, text)
        except BodyRefusedError as err:
            _drop(self._telemetry, self.kind, err)
        else:
            self._telemetry.sent.labels(self.kind).inc()
        self._lane.done([action_id])

    async def _send(self, action_id: str, text: bytes) -> None:
        """Whether an action succeeded must arrive; its details may be too large for it."""
        try:
            await self._client.send_result(action_id, text)
        except TooLargeError:
            await self._client.send_result(action_id, without_details(text))


class MetricsLoad:
    """Measurements, oldest first; the newest carries what has changed of the objects.

    Parameters
    ----------
    objects
        The objects, ``None`` while they cannot be trusted: they are left out then.
    ask_anew
        Told when the service needs all objects: the next collection is to come at once.
    """

    kind = "metrics"

    def __init__(
        self,
        client: ServiceClient,
        outbox: Outbox,
        telemetry: Telemetry,
        *,
        objects: Callable[[], Mirror | None],
        ask_anew: Callable[[], None],
    ) -> None:
        self._client = client
        self._outbox = outbox
        self._telemetry = telemetry
        self._objects = objects
        self._ask_anew = ask_anew

    def waiting(self) -> int:
        """How many there are."""
        return self._outbox.samples

    async def wait(self) -> None:
        """Until a measurement is there."""
        await self._outbox.wait_for_sample()

    async def send_next(self) -> None:
        """Send the oldest."""
        sample = self._outbox.oldest_sample()
        if sample is None:
            return
        mirror = self._objects() if self._outbox.is_newest(sample) else None
        change = mirror.begin() if mirror else None
        try:
            answer = await self._send(sample, change)
        except BodyRefusedError as err:
            _drop(self._telemetry, self.kind, err)
            if mirror:
                mirror.forget_base()
        else:
            self._telemetry.sent.labels(self.kind).inc()
            self._settle(mirror, change, answer)
        finally:
            if mirror and change:
                mirror.abandon(change)  # nothing to do when it was confirmed
        self._outbox.sample_done(sample)

    async def _send(self, sample: Sample, change: Change | None) -> MetricsAnswer:
        try:
            return await self._client.send_metrics(await pack_metrics(sample.text(), change))
        except TooLargeError:
            self._telemetry.dropped.labels(self.kind, "too large").inc()
            return await self._client.send_metrics(await pack_metrics(bare(sample.text()), change))

    def _settle(self, mirror: Mirror | None, change: Change | None, answer: MetricsAnswer) -> None:
        if mirror and change and not answer.need_full:
            mirror.confirm(change)
        elif answer.need_full and mirror:
            mirror.forget_base()
            if change and change.base is not None:
                self._ask_anew()


def _drop(telemetry: Telemetry, kind: str, err: BodyRefusedError) -> None:
    telemetry.error(kind)
    telemetry.dropped.labels(kind, str(err.status)).inc()
    log.error("the service does not take this, it is dropped", kind=kind, problem=str(err))
