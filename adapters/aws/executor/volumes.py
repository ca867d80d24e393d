"""Detaching a volume: only when nothing uses it, and done when EC2 says that it is free."""

from collections.abc import Awaitable, Callable
from typing import Any

from adapters.aws.clients import Clients
from adapters.aws.failures import GoneError
from adapters.aws.ports.access import Place
from adapters.aws.ports.executor import Unmounted
from adapters.clock import Clock
from domain.errors import RejectedError, TransientError

UNMOUNT_LIMIT_S = 120.0
"""A kubelet unmounts within seconds of the last pod's end; one that takes longer needs somebody to look."""

DETACH_LIMIT_S = 60.0
STEP_S = 3.0
"""Between two looks."""


class VolumeWork:
    """One volume on one instance."""

    def __init__(self, clients: Clients, place: Place, clock: Clock, *, volume_id: str, instance_id: str) -> None:
        self._clients = clients
        self._place = place
        self._clock = clock
        self._volume_id = volume_id
        self._instance_id = instance_id

    async def is_attached(self) -> bool:
        """Whether it hangs on the instance.

        Raises
        ------
        RejectedError
            It hangs on another instance, or is the root volume of this one.
        GoneError
            There is no such volume.
        """
        found = await self._clients.read(self._place, "ec2", self._attachments)
        on_others = [item["InstanceId"] for item in found if item["InstanceId"] != self._instance_id]
        if on_others:
            raise RejectedError(f"volume {self._volume_id} hangs on {', '.join(on_others)}, not on {self._instance_id}")
        if found and found[0]["Device"] == await self._clients.read(self._place, "ec2", self._root_device):
            raise RejectedError(f"volume {self._volume_id} is the root volume of {self._instance_id}")
        return bool(found)

    async def wait_until_unmounted(self, unmounted: Unmounted) -> None:
        """Wait until nothing uses it. Raises TransientError when that takes too long."""
        await self._wait(unmounted, limit_s=UNMOUNT_LIMIT_S, what="still in use")

    def detach(self, ec2: Any, *, dry: bool) -> Any:
        """Ask for it."""
        return ec2.detach_volume(VolumeId=self._volume_id, InstanceId=self._instance_id, DryRun=dry)

    async def wait_until_available(self) -> None:
        """Wait until EC2 says that it hangs on nothing. Raises TransientError when that takes too long."""

        async def is_free() -> bool:
            return not await self._clients.read(self._place, "ec2", self._attachments)

        await self._wait(is_free, limit_s=DETACH_LIMIT_S, what="still detaching")

    async def _wait(self, reached: Callable[[], Awaitable[bool]], *, limit_s: float, what: str) -> None:
        ends = self._clock.monotonic() + limit_s
        while not await reached():
            if self._clock.monotonic() >= ends:
                raise TransientError(f"volume {self._volume_id} is {what} after {limit_s:.0f} s")
            await self._clock.sleep(STEP_S)

    def _attachments(self, ec2: Any) -> list[dict[str, Any]]:
        found = ec2.describe_volumes(Filters=[{"Name": "volume-id", "Values": [self._volume_id]}])["Volumes"]
        if not found:
            raise GoneError(f"there is no volume {self._volume_id} in {self._place}")
        return [item for item in found[0].get("Attachments", []) if item.get("State") != "detached"]

    def _root_device(self, ec2: Any) -> str:
        filters = [{"Name": "instance-id", "Values": [self._instance_id]}]
        for reservation in ec2.describe_instances(Filters=filters)["Reservations"]:
            for item in reservation["Instances"]:
                return str(item.get("RootDeviceName", ""))
        return ""
