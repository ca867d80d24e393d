"""What the agent's parts ask of one another: how actions are carried out, and who guards against interruptions."""

from typing import Protocol

from agent.kubernetes.api import JsonObject
from domain.wire.messages import ActionModel, AgentConfig, ResultBody


class Actuator(Protocol):
    """Carries out signed actions."""

    async def carry_out(self, action: ActionModel) -> ResultBody:
        """Verify an action and do it, or say why not.

        Never raises for anything that the action or the cluster can bring about: a failure is a result. Several run
        side by side; when the task is cancelled the action was not finished and no result is sent.
        """

    def configure(self, config: AgentConfig) -> None:
        """Go on with a new configuration: with ``dry_run`` or ``safe_mode`` nothing is changed."""


class Guard(Protocol):
    """Watches over interruptions, and handles them by itself."""

    async def run(self) -> None:
        """Until cancelled; started again with backoff when it fails."""

    def on_node(self, node: JsonObject) -> None:
        """A node as the Kubernetes API tells it, whenever it is new or has changed. Must return at once."""

    def on_node_gone(self, name: str) -> None:
        """A node is no longer there."""

    def configure(self, config: AgentConfig) -> None:
        """Go on with a new configuration: with ``dry_run`` or ``safe_mode`` nothing is changed."""


class EventSink(Protocol):
    """Takes events for the service. Events are never lost while the process lives, and sent at once."""

    def put(self, event: JsonObject) -> None:
        """An event as ``docs/agent-protocol.md`` writes it. One whose id is waiting already is not taken twice."""
