"""Which actors the platform consists of, with which arguments. A new one is one line here."""

from typing import Any

from actors import runtime
from actors.clock.actor import ClockActor
from actors.events.actor import EventConsumerActor
from actors.hosting.actor import ClusterHost
from actors.planning.actor import Planner, warm_up_task
from actors.risk.actor import RiskRegistryActor
from actors.runtime import ActorSpec
from adapters.settings import Settings

WARM_UP_HOLD_S = 2.0
"""A worker that has warmed up is held so long, so that the next task warms up another one."""


def actors(settings: Settings) -> tuple[ActorSpec, ...]:
    """All actors, in the order in which they are started."""
    hosts, consumers = range(settings.cluster_hosts), range(settings.event_consumers)
    return (
        ActorSpec(name=runtime.PLANNER, made_by=Planner, args=(settings.solver_slots,)),
        ActorSpec(name=runtime.REGISTRY, made_by=RiskRegistryActor),
        *(ActorSpec(name=runtime.host_name(n), made_by=ClusterHost, args=(n,)) for n in hosts),
        *(ActorSpec(name=runtime.consumer_name(n), made_by=EventConsumerActor, args=(n,)) for n in consumers),
        ActorSpec(name=runtime.CLOCK, made_by=ClockActor),
    )


def warm_up(settings: Settings) -> list[Any]:
    """Begin what makes the first plans as fast as the later ones; goes on by itself."""
    return [warm_up_task.remote(WARM_UP_HOLD_S) for _ in range(settings.solver_slots)]
