"""What the agent tells about itself: figures for Prometheus and for the heartbeat."""

import resource
import time
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_PAGE_BYTES = resource.getpagesize()
_STATM = Path("/proc/self/statm")
_PREFIX = "spotopt_agent_"


class Telemetry:
    """Counters and gauges of one process. They begin at zero with each start.

    Attributes
    ----------
    registry
        What ``/metrics`` shows.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._all_errors = 0
        self._errors = self._counter("errors", "Errors, by the part they occurred in", "part")
        self.sent = self._counter("sent", "Bodies that the service has taken", "kind")
        self.dropped = self._counter("dropped", "Bodies given up, by reason", "kind", "reason")
        self.actions = self._counter("actions", "Actions that have ended", "type", "status")
        self.action_seconds = Histogram(
            f"{_PREFIX}action_seconds",
            "From taking an action to its end",
            ["type"],
            buckets=(0.1, 0.3, 1, 3, 10, 30, 120, 300),
            registry=self.registry,
        )
        self.refused_actions = self._counter("refused_actions", "Actions that were not accepted, by reason", "reason")
        self.drains = self._counter(
            "drains", "Drains that have ended: why they were begun, and how they ended", "drive", "ending"
        )
        self.unsaved_pods = self._counter("unsaved_pods", "Pods that a drain has left on its node", "drive")
        self.evictions = self._counter("evictions", "Answers of the Eviction API, by what they mean", "outcome")
        self.events = self._counter("events", "Events of the cluster told to the service, by their type", "type")
        self.wake_ups = self._counter("wake_ups", "Commands over the WebSocket")
        self.leading = self._gauge("leading", "1 while this process leads")
        self.registered = self._gauge("registered", "1 while the service accepts the key")
        self.connected = self._gauge("connected", "1 while the WebSocket stands")
        self.clock_skew = self._gauge("clock_skew_seconds", "The service's clock less this one's")
        self.last_collection = self._gauge("last_collection_timestamp_seconds", "When the last collection was made")
        self.buffered_bytes = self._gauge("buffered_bytes", "What waits to be sent")
        self.objects = self._gauge("objects", "Kubernetes objects that are kept up with")
        self.watching = self._gauge("watching", "1 while all kinds can be watched")
        self.relists = self._gauge("relists", "Lists that had to be read again")
        self._gauge("memory_bytes", "Resident memory").set_function(memory_bytes)
        self._gauge("cpu_seconds", "Processor time since the start").set_function(time.process_time)

    @property
    def errors(self) -> int:
        """All errors since the start."""
        return self._all_errors

    def error(self, part: str) -> None:
        """Count an error."""
        self._all_errors += 1
        self._errors.labels(part).inc()

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(_PREFIX + name, text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(_PREFIX + name, text, registry=self.registry)


class CpuMeter:
    """How much of a CPU the process has used since it was asked last."""

    def __init__(self) -> None:
        self._used_s = time.process_time()
        self._at_s = time.monotonic()

    def mcpu(self) -> int:
        """Thousandths of a CPU, on average since the last call."""
        used_s, at_s = time.process_time(), time.monotonic()
        share = (used_s - self._used_s) / max(at_s - self._at_s, 1e-3)
        self._used_s, self._at_s = used_s, at_s
        return max(0, round(1000 * share))


def memory_bytes() -> int:
    """Resident memory; the largest so far where the system does not tell the present."""
    try:
        return int(_STATM.read_text(encoding="ascii").split()[1]) * _PAGE_BYTES
    except (OSError, IndexError, ValueError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
