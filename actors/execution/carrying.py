"""The AWS half of plans that a cluster's state machine walks through itself: each action is a small saga.

Fits `actors.hosting.ports.Aws`. The action's id is the saga's, so that an action that is asked for again after a
restart meets the saga that is on its way, or hears how it ended.
"""

from datetime import timedelta
from typing import Protocol
from uuid import UUID

from actors.cluster.inputs import ActionFinished, Ended
from actors.execution.orders import Frame, RemovedNode, of_action
from actors.execution.ports import Where
from actors.execution.runner import Runner
from adapters.clock import Clock
from domain.commands import AskAws, AwsActionKind
from domain.errors import RejectedError, TransientError
from domain.saga import LaunchOrder, SagaStatus


class Book(Protocol):
    """Knows what nodes are launched from and which instances they are."""

    async def order(self, where: Where, command: AskAws) -> LaunchOrder:
        """The pools of a launch: the planned one first, others that will do, on-demand where the policy allows it."""

    async def node(self, where: Where, command: AskAws) -> RemovedNode:
        """The instance of a node and the group that it is in."""


class SagaAws:
    """Launches and terminates by sagas."""

    def __init__(self, runner: Runner, book: Book, clock: Clock) -> None:
        self._runner = runner
        self._book = book
        self._clock = clock

    async def carry_out(self, cluster_id: UUID, organization_id: UUID, command: AskAws) -> ActionFinished:
        """Do what is asked, and say how it ended."""
        where = Where(organization_id=organization_id, cluster_id=cluster_id)
        now = self._clock.now()
        frame = Frame(
            saga_id=UUID(command.action_id),
            organization_id=organization_id,
            cluster_id=cluster_id,
            observed_at=min(now, command.expires_at - timedelta(seconds=1)),
            lifetime=timedelta(0),
            width=1,
        )
        try:
            if command.kind is AwsActionKind.LAUNCH:
                spec = of_action(command, frame, order=await self._book.order(where, command))
            else:
                spec = of_action(command, frame, node=await self._book.node(where, command))
            ended = await self._runner.run(spec)
        except (RejectedError, TransientError) as err:
            return self._finished(command, str(err))
        return self._finished(command, "" if ended.status is SagaStatus.DONE else ended.reason)

    def _finished(self, command: AskAws, error: str) -> ActionFinished:
        return ActionFinished(
            id=f"end of {command.action_id}",
            at=self._clock.now(),
            action_id=command.action_id,
            ended=Ended.FAILED if error else Ended.COMPLETED,
            error=error,
        )
