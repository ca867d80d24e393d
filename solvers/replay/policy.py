"""What decides for a cluster in a simulation, and what it may do."""

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from solvers.replay.cluster import Cluster
    from solvers.replay.machine import Machine


class Policy(Protocol):
    """One cluster's policy. It is told what happens and acts through the cluster's methods.

    Whatever is drawn or remembered belongs to it; it must not look at tapes, which hold the future.
    """

    def begin(self, cluster: "Cluster") -> None:
        """Take charge: launch what the pods need. These first nodes are ready at once."""

    def on_notice(self, machine: "Machine", ends_s: float) -> None:
        """AWS takes a node at that time."""

    def on_lost(self, machine: "Machine") -> None:
        """A node ended that the policy did not end. Its pods have no place now."""

    def on_ready(self, machine: "Machine") -> None:
        """A node takes pods now."""

    def on_pending(self) -> None:
        """Pods have no place. Told again when there are more of them, or when `Cluster.ask_again` is called."""

    def on_drained(self, machine: "Machine") -> None:
        """No pods are left on a node that was drained."""

    def on_quiet(self) -> None:
        """Pods or nodes have changed, and all pods have places: a moment to tidy up."""

    def finish(self) -> None:
        """The simulation ends: write down what is left to be written down."""
