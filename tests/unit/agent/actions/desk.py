"""What the tests of actions share: a cluster, an actuator with a key, and actions signed as the service signs them."""

from collections.abc import Callable, Coroutine, Mapping
from datetime import timedelta
from typing import Any

from agent.actions.dispatcher import Actions
from agent.drains.mode import Mode
from agent.drains.registry import Drains
from agent.kubernetes.api import KubernetesApi
from agent.telemetry import Telemetry
from domain.signing import SignedAction, derive_signing_key, sign
from domain.wire.messages import ActionModel, ResultBody
from tests.unit.agent.twin import Cluster, TwinClock, TwinStore, run

CLUSTER = "c-1"
KEY = derive_signing_key("spotopt_example_token", CLUSTER)


class Desk:
    """An agent's hands on a cluster in memory, with nodes a and b."""

    def __init__(
        self,
        *,
        mode: Mode = Mode.DO,
        store: TwinStore | None = None,
        cluster: Cluster | None = None,
        api: KubernetesApi | None = None,
    ) -> None:
        self.clock = TwinClock()
        self.store = store or TwinStore()
        self.cluster = cluster or Cluster()
        if cluster is None:
            self.cluster.node("a")
            self.cluster.node("b")
        api = api or self.cluster
        self.drains = Drains(api, self.clock, telemetry=Telemetry())
        self.actions = Actions(
            api,
            self.clock,
            store=self.store,
            keys={KEY.id: KEY},
            cluster=CLUSTER,
            drains=self.drains,
            mode=mode,
        )
        self._nonce = 0

    def action(
        self, kind: str, payload: Mapping[str, Any], *, key: str = "action-1", lifetime_s: float = 300
    ) -> SignedAction:
        self._nonce += 1
        now = self.clock.now()
        unsigned = SignedAction(
            cluster=CLUSTER,
            id=key,
            type=kind,
            payload=dict(payload),
            expires_at=now + timedelta(seconds=lifetime_s),
            nonce=f"nonce-{self._nonce}-{key}",
        )
        return sign(unsigned, KEY, now=now)

    async def do(self, kind: str, payload: Mapping[str, Any], *, key: str = "") -> ResultBody:
        """Have an action carried out, each under an id of its own."""
        action = self.action(kind, payload, key=key or f"action-{self._nonce + 1}")
        return await self.send(action)

    async def send(self, action: SignedAction) -> ResultBody:
        return await self.actions.carry_out(ActionModel.of(action))


def at_desk(main: Callable[[Desk], Coroutine[Any, Any, None]], *, mode: Mode = Mode.DO) -> None:
    """Run a test at a desk, on virtual time."""

    async def whole() -> None:
        desk = Desk(mode=mode)
        await main(desk)
        await desk.drains.close()

    run(whole())
