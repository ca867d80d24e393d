"""The hosts of clusters as seen from other processes: each call goes to the host that the cluster lives on."""

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar, cast
from uuid import UUID

from ray.actor import ActorHandle
from ray.exceptions import RayError, RayTaskError

from actors import runtime
from actors.cluster.inputs import Input
from actors.early import EarlyNotice, tell_host
from actors.hosting.ports import ClusterView, Report, ReportAnswer
from actors.hosting.rendezvous import host_of
from adapters.redis.ports.bus import Bus
from domain.errors import SpotOptimizerError, TransientError
from domain.events import SpotInterruption

T = TypeVar("T")


class RayClusters:
    """`actors.hosting.ports.Clusters` over Ray.

    Parameters
    ----------
    hosts
        How many there are: `adapters.settings.Settings.cluster_hosts`.
    bus
        Carries what must be quick and may be lost.
    """

    def __init__(self, hosts: int, bus: Bus) -> None:
        self._hosts = hosts
        self._bus = bus
        self._handles: dict[int, ActorHandle[Any]] = {}

    async def report(self, report: Report) -> ReportAnswer:
        """Take over what an agent has collected."""
        answer: ReportAnswer = await self._call(report.cluster_id, "report", report)
        return answer

    async def tell(self, cluster_id: UUID, event: Input) -> None:
        """Have the state machine of a cluster handle something."""
        await self._call(cluster_id, "tell", cluster_id, event)

    async def warn(self, cluster_id: UUID, event: SpotInterruption) -> None:
        """Tell the registry of a notice that is still on its way to its cluster."""
        notice = EarlyNotice(cluster_id=cluster_id, event=event)
        await tell_host(self._bus, host_of(str(cluster_id), self._hosts), notice)

    async def view(self, cluster_id: UUID) -> ClusterView:
        """How the cluster stands."""
        view: ClusterView = await self._call(cluster_id, "view", cluster_id)
        return view

    async def refresh(self, cluster_id: UUID) -> None:
        """Read policy and record of a cluster anew."""
        await self._call(cluster_id, "refresh", cluster_id)

    async def forget(self, cluster_id: UUID) -> None:
        """Drop a cluster from memory."""
        await self._call(cluster_id, "forget", cluster_id)

    async def _call(self, cluster_id: UUID, method: str, *args: object) -> Any:
        index = host_of(str(cluster_id), self._hosts)
        handle = self._handles.get(index)
        if handle is None:
            handle = self._handles[index] = await asyncio.to_thread(runtime.find, runtime.host_name(index))
        return await answered(getattr(handle, method).remote(*args), what=runtime.host_name(index))


async def answered(call: Awaitable[T], *, what: str, timeout_s: float = runtime.CALL_TIMEOUT_S) -> T:
    """The answer of an actor; its own errors arrive as they were raised.

    Raises
    ------
    TransientError
        When the actor does not answer in time, or is being restarted.
    """
    try:
        return await asyncio.wait_for(asyncio.ensure_future(cast("Any", call)), timeout_s)
    except TimeoutError as err:
        raise TransientError(f"{what} has not answered within {timeout_s:.0f} s") from err
    except RayTaskError as err:
        if isinstance(err.cause, SpotOptimizerError):
            raise err.cause from None
        raise
    except RayError as err:
        raise TransientError(f"{what} cannot be reached: {type(err).__name__}") from err
