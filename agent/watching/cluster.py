"""All that is watched, together: one reflector for each kind, and whom each object is shown to."""

from collections.abc import Iterable, Sequence

import structlog

from agent.clock import Clock
from agent.kubernetes.api import JsonObject, KubernetesApi
from agent.ports import EventSink, Guard
from agent.supervision import Part
from agent.watching.kinds import KINDS, NODE, POD, Kind
from agent.watching.mirror import Mirror
from agent.watching.occurrences import Occurrences
from agent.watching.reflector import Reflector
from domain.delta import key_of

log = structlog.get_logger(__name__)


class Cluster:
    """The cluster as it is. Begins with nothing; `mirror` is whole once `is_listed`.

    Parameters
    ----------
    events
        Where occurrences go.
    guards
        Shown each node that is new, has changed or has gone.
    """

    def __init__(
        self,
        api: KubernetesApi,
        clock: Clock,
        *,
        events: EventSink,
        guards: Sequence[Guard],
        kinds: Iterable[Kind] = KINDS,
    ) -> None:
        self._events = events
        self._guards = guards
        self._occurrences = Occurrences(clock)
        self._reflectors = [Reflector(api, kind, clock, self) for kind in kinds]
        self.mirror = Mirror()

    def parts(self) -> dict[str, Part]:
        """What must run, by name."""
        return {f"watch {reflector.kind.plural}": reflector.run for reflector in self._reflectors}

    def is_listed(self) -> bool:
        """Whether all objects have been seen once."""
        return all(reflector.listed for reflector in self._reflectors)

    def is_trusted(self) -> bool:
        """Whether what is known of every kind is how the cluster is now."""
        return all(reflector.is_trusted() for reflector in self._reflectors)

    def relists(self) -> int:
        """How often a kind had to be listed anew."""
        return sum(reflector.relists for reflector in self._reflectors)

    def problems(self) -> list[str]:
        """Why something cannot be watched, a sentence for each kind."""
        return [reflector.problem for reflector in self._reflectors if reflector.problem]

    def on_object(self, kind: Kind, obj: JsonObject) -> str:
        """An object that is there; its key."""
        key = self.mirror.put(obj)
        try:
            self._show(kind, key, obj=obj)
        except Exception:  # one object: what it does to whoever looks at it must not hide the others
            log.exception("an object could not be looked at", key=key)
        return key

    def on_gone(self, kind: Kind, obj: JsonObject) -> None:
        """An object that is no longer there."""
        key = key_of(obj)
        self.mirror.remove(key)
        self._forget(kind, [key])

    def on_listed(self, kind: Kind, keys: set[str]) -> None:
        """A whole list has been told."""
        self._forget(kind, self.mirror.keep_only(kind.name, keys))

    def _show(self, kind: Kind, key: str, *, obj: JsonObject) -> None:
        if kind is POD:
            self._tell(self._occurrences.of_pod(obj))
        elif kind is NODE:
            self._tell(self._occurrences.of_node(key, obj))
            for guard in self._guards:
                guard.on_node(obj)

    def _forget(self, kind: Kind, keys: Iterable[str]) -> None:
        for key in keys:
            self._occurrences.forget(key)
            for guard in self._guards if kind is NODE else ():
                guard.on_node_gone(key.rpartition("/")[2])

    def _tell(self, events: Iterable[JsonObject]) -> None:
        for event in events:
            self._events.put(event)
