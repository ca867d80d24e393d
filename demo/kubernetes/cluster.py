"""One simulated cluster: its objects, and the parts of Kubernetes that keep them in motion."""

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog

from demo.kubernetes.budgets import refresh
from demo.kubernetes.controllers import control
from demo.kubernetes.kubelet import run_pods
from demo.kubernetes.nodes import clear_away
from demo.kubernetes.scheduler import READ, schedule
from demo.kubernetes.store import Object, Store

STEP_S = 0.5
"""Between two steps: quick enough to watch, and next to nothing of a processor."""

log = structlog.get_logger(__name__)


class Cluster:
    """A cluster that runs.

    Parameters
    ----------
    token
        What its API server lets callers in by.
    """

    def __init__(self, name: str, token: str, now: Callable[[], datetime]) -> None:
        self.name = name
        self.token = token
        self.store = Store(now, seed=name)
        self._scheduled_at = self._counted_at = -1

    def add(self, *objects: Object) -> None:
        """Create objects, as ``kubectl apply`` would."""
        for obj in objects:
            self.store.create(obj)

    def step(self) -> None:
        """Let everybody act once. What nobody has touched is not looked at again."""
        clear_away(self.store)
        control(self.store)
        run_pods(self.store)
        if self._scheduled_at != (version := self.store.changed_at(*READ)):
            schedule(self.store)
            self._scheduled_at = version
        if self._counted_at != (version := self.store.changed_at("pods", "poddisruptionbudgets", "replicasets")):
            refresh(self.store)
            self._counted_at = version

    async def run(self) -> None:
        """Until cancelled. A step that fails is told and the next one taken: the others must not stand still."""
        while True:
            try:
                self.step()
            except Exception:
                log.exception("a step of a simulated cluster has failed", cluster=self.name)
            await asyncio.sleep(STEP_S)
