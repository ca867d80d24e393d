"""Those who act in the cluster: actions for the service, and the guard by itself. They share their drains."""

import asyncio

from agent.actions.dispatcher import Actions
from agent.drains.mode import Mode
from agent.drains.registry import Drains
from agent.interruptions.guard import InterruptionGuard
from agent.runtime import Hands, Tools


def make_hands(tools: Tools) -> Hands:
    """Made anew whenever this process begins to lead."""
    settings = tools.settings
    mode = Mode.REHEARSE if settings.dry_run else Mode.DO
    own_pod = f"{settings.namespace}/{settings.instance}"
    drains = Drains(tools.kubernetes, tools.clock, telemetry=tools.telemetry, own_pod=own_pod)
    actions = Actions(
        tools.kubernetes,
        tools.clock,
        store=tools.store,
        keys={settings.signing_key.id: settings.signing_key},
        cluster=settings.cluster_id,
        drains=drains,
        mode=mode,
    )
    guard = InterruptionGuard(tools.kubernetes, tools.clock, drains=drains, events=tools.events, mode=mode)

    async def see_to_rollouts() -> None:
        """Once, and again only when that failed."""
        await actions.resume()
        await asyncio.Event().wait()

    parts = {"drains": drains.run, "rollouts": see_to_rollouts}
    if settings.karpenter:
        parts["node pools"] = actions.release_node_pools
    return Hands(actuator=actions, guards=(guard,), parts=parts)
