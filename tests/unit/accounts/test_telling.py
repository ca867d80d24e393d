"""Progress of a discovery, and its end whatever the bus does meanwhile."""

import asyncio
from uuid import UUID

from actors.accounts.telling import Teller
from adapters.aws.ports.discovery import Phase, Progress
from adapters.clock import VirtualClock


class DeafBus:
    """Loses the first cancellation that meets it, as a client may whose call has just been answered."""

    def __init__(self) -> None:
        self.published: list[bytes] = []
        self.deaf = True

    async def publish(self, channel: str, body: bytes) -> None:
        self.published.append(body)
        if self.deaf:
            self.deaf = False
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                return


async def test_telling_ends_also_when_a_cancellation_is_lost() -> None:
    bus = DeafBus()
    teller = Teller(bus, VirtualClock(), organization_id=UUID(int=1), account_id=UUID(int=2))
    steps = [
        Progress(account_id="1", region="", phase=phase, done=0, total=1, clusters=0, instances=0)
        for phase in (Phase.SIGN_IN, Phase.DONE)
    ]
    async with asyncio.timeout(5), teller.telling():
        teller.step(steps[0])
        while not bus.published:
            await asyncio.sleep(0)
        teller.step(steps[1])
    assert len(bus.published) == 2
