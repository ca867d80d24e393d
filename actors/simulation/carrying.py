"""A plan carried out in simulated time: what `actors.execution` does, without what can go wrong on the way.

Replacements are launched and ready before a node is emptied, an emptied node ends, a plan whose launch finds no room
is given up.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from domain.proposal import Concern, ProposedLaunch
from domain.saga import SagaStatus
from solvers.decision import Decision
from solvers.replay.cluster import Cluster
from solvers.replay.machine import Machine
from solvers.replay.machine import Stage as Step

Launch = Callable[[ProposedLaunch], Machine | None]
"""Launches one node where there is room."""


@dataclass(slots=True)
class _Part:
    removes: list[Machine]
    coming: set[Machine] = field(default_factory=set)
    begun: bool = False


class Carrying:
    """One plan. Give it what the cluster tells; ``ended`` is set once it is over."""

    def __init__(self, cluster: Cluster, saga: str) -> None:
        self.saga = saga
        self.ended: SagaStatus | None = None
        self.reason = ""
        self.joined: list[str] = []
        self.removed: list[str] = []
        self._cluster = cluster
        self._parts: list[_Part] = []

    def begin(self, decision: Decision, launch: Launch) -> None:
        """Launch all that is to be launched."""
        for chosen in decision.chosen:
            proposal, machines = chosen.proposal, self._cluster.machines
            part = _Part(removes=[machines[name] for name in proposal.removes if name in machines])
            self._parts.append(part)
            for wanted in proposal.launches:
                machine = launch(wanted)
                if machine is None:
                    self.stop(f"launch {wanted.name}: no pool has room")
                    return
                part.coming.add(machine)
            part.begun = proposal.concern is Concern.LOSS
        self._go_on()

    def stop(self, reason: str) -> None:
        """Give it up: nodes that are not emptied yet take pods again, new ones that hold none end."""
        if self.ended is not None:
            return
        self.ended, self.reason = SagaStatus.UNDONE, reason
        for part in self._parts:
            for machine in part.removes:
                if machine.pods and not machine.going:
                    self._cluster.uncordon(machine)
            for machine in part.coming:
                if not machine.pods:
                    self._cluster.end(machine)

    def on_ready(self, machine: Machine) -> None:
        """A node has joined."""
        for part in self._parts:
            if machine in part.coming:
                part.coming.discard(machine)
                self.joined.append(machine.name)
        self._go_on()

    def on_drained(self, machine: Machine) -> None:
        """A node is empty."""
        for part in self._parts:
            if machine in part.removes and part.begun:
                part.removes.remove(machine)
                self.removed.append(machine.name)
                self._cluster.end(machine)
        self._go_on()

    def on_lost(self, machine: Machine) -> None:
        """AWS has taken a node."""
        for part in self._parts:
            if machine in part.coming:
                part.coming.discard(machine)
                self.stop(f"{machine.name} ended before it was a node")
            elif machine in part.removes:
                part.removes.remove(machine)
        self._go_on()

    def _go_on(self) -> None:
        if self.ended is not None:
            return
        for part in self._parts:
            if not part.begun and not part.coming:
                part.begun = True
                for machine in list(part.removes):
                    self._cluster.drain(machine)
            for machine in list(part.removes):
                if part.begun and machine.stage is Step.CORDONED and not machine.pods:
                    part.removes.remove(machine)
                    self.removed.append(machine.name)
                    self._cluster.end(machine)
        if self.ended is None and not any(part.coming or part.removes for part in self._parts):
            self.ended = SagaStatus.DONE
