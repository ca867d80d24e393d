"""How the platform stands: the daemons of Ray, the actors by name, the application, what waits."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.state import list_actors
from ray.util.state.exception import RayStateApiException

from actors import runtime
from actors.runtime import ActorSpec
from actors.scoring.client import NAME as SCORER
from actors.scoring.standing import ScorerStanding
from domain.errors import TransientError
from serve.operations.application import Application
from serve.operations.cluster import probe
from serve.operations.messages import Part, in_ms
from serve.operations.processes import all_processes, since

PING_S = 2.0
"""How long actors may take to answer, all together; one that is restarted needs about 5 s and shows as not healthy."""
STATE_S = 2
"""How long Ray's list of actors may take, in whole seconds."""
DAEMONS = {"gcs_server": "Ray control store", "raylet": "Ray node"}
"""Programs of a local Ray without which nothing works, and what people call them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorRecord:
    """What Ray knows of an actor."""

    state: str
    pid: int | None
    restarts: int


class Watch:
    """Looks at everything.

    Parameters
    ----------
    specs
        The actors that there should be.
    url
        Where the application is asked.
    """

    def __init__(self, specs: Sequence[ActorSpec], application: Application, *, url: str, local: bool) -> None:
        self._specs = tuple(specs)
        self._application = application
        self._url = url
        self._local = local
        self._scorer_answered = False
        self._found: dict[str, ActorRecord] = {}

    def daemons(self) -> tuple[Part, ...]:
        """The daemons of a local Ray; one that is missing is not healthy."""
        if not self._local:
            return ()
        mine = [found for found in all_processes() if found.parent == os.getpid()]
        pids = {PurePath(found.command.partition(" ")[0]).name: found.pid for found in mine if found.command}
        found = ((label, pids.get(program)) for program, label in DAEMONS.items())
        return tuple(Part(name=label, healthy=pid is not None, pid=pid, since=since(pid)) for label, pid in found)

    def look(self) -> tuple[Part, ...]:
        """All parts."""
        return (*self.daemons(), self._gateway(), *self._actors(), self._scorer())

    def queues(self) -> Mapping[str, float]:
        """How many plans wait and are computed."""
        try:
            planner: Any = runtime.find(runtime.PLANNER)
            depth: dict[str, float] = ray.get(planner.depth.remote(), timeout=PING_S)
        except (TransientError, RayError):
            return {}
        return {f"plans {name}": count for name, count in depth.items()}

    def _gateway(self) -> Part:
        took_s = probe(self._url)
        name = f"Serve application {self._application.name}"
        return Part(name=name, healthy=took_s is not None, latency_ms=in_ms(took_s), detail=self._url)

    def _actors(self) -> tuple[Part, ...]:
        self._found, answers = _records(), _pings([spec.name for spec in self._specs])
        return tuple(_actor(spec.name, self._found.get(spec.name), answers.get(spec.name)) for spec in self._specs)

    def _scorer(self) -> Part:
        """The scorer with the model that it serves. The first plan starts it: until it has answered once, it starts."""
        record, started_s = self._found.get(SCORER), time.monotonic()
        try:
            scorer: Any = runtime.find(SCORER)
            standing: ScorerStanding = ray.get(scorer.describe.remote(), timeout=PING_S)
        except (TransientError, RayError):
            detail = "does not answer" if self._scorer_answered else "starts with the first plan"
            return replace(_actor(SCORER, record, None), healthy=not self._scorer_answered, detail=detail)
        self._scorer_answered = True
        part = _actor(SCORER, record, (standing.process, time.monotonic() - started_s))
        return replace(part, healthy=not standing.broken, detail=standing.sentence)


def _actor(name: str, record: ActorRecord | None, answer: tuple[int, float] | None) -> Part:
    pid = answer[0] if answer else record.pid if record else None
    return Part(
        name=name,
        healthy=answer is not None,
        pid=pid,
        since=since(pid),
        restarts=record.restarts if record else 0,
        latency_ms=in_ms(answer[1] if answer else None),
        detail=record.state.lower() if record else "",
    )


def _records() -> dict[str, ActorRecord]:
    """What Ray's own list says; empty while it cannot be asked, as its dashboard keeps it."""
    try:
        found = list_actors(
            filters=[("ray_namespace", "=", runtime.NAMESPACE)],
            timeout=STATE_S,
            detail=True,
            raise_on_missing_output=False,
        )
    except (RayStateApiException, RayError, OSError):
        return {}
    alive = sorted(found, key=lambda actor: actor.state != "DEAD")  # a living one replaces a dead one of its name
    return {
        str(actor.name): ActorRecord(state=actor.state, pid=actor.pid or None, restarts=int(actor.num_restarts or 0))
        for actor in alive
        if actor.name
    }


def _pings(names: Sequence[str], clock: Callable[[], float] = time.monotonic) -> dict[str, tuple[int, float]]:
    """Process id and seconds of each actor that answers, all asked at once."""
    started_s = clock()
    waiting: dict[Any, str] = {}
    for name in names:
        try:
            waiting[runtime.find(name).ping.remote()] = name
        except TransientError:
            continue
    answers: dict[str, tuple[int, float]] = {}
    pending: list[Any] = list(waiting)
    while pending and (left_s := PING_S - (clock() - started_s)) > 0:
        done, pending = ray.wait(pending, num_returns=1, timeout=left_s)
        for ref in done:
            try:
                answers[waiting[ref]] = (int(ray.get(ref, timeout=PING_S)), clock() - started_s)
            except RayError:
                continue
    return answers
