"""The one place that names, starts and finds actors.

All are detached and restarted for ever: they outlive the process that made them, and come back by themselves when one
of their processes dies. Their state is in PostgreSQL; what they hold in memory is a copy.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import ray
from ray.actor import ActorHandle
from ray.exceptions import RayError
from ray.util import list_named_actors

from domain.errors import TransientError

NAMESPACE = "spotopt"
"""Of all our actors, so that another program on the same Ray cluster never meets them by name."""

PLANNER, REGISTRY, CLOCK = "Planner", "RiskRegistry", "Clock"

CALL_TIMEOUT_S = 30.0
"""Longest wait for an answer of an actor, plans apart: one that is restarted needs about 5 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorSpec:
    """An actor to be started: its name, its class, what it is made with, and how many calls it takes at once."""

    name: str
    made_by: type
    args: tuple[Any, ...] = ()
    max_concurrency: int = 1_000


def host_name(index: int) -> str:
    """Name of a host of clusters."""
    return f"ClusterHost-{index}"


def consumer_name(index: int) -> str:
    """Name of a consumer of events."""
    return f"EventConsumer-{index}"


def start(spec: ActorSpec) -> ActorHandle[Any]:
    """Start an actor, or find it when it runs already.

    They ask for no CPU: they wait most of the time, and the CPUs that Ray counts are for planning.
    """
    options = {
        "name": spec.name,
        "namespace": NAMESPACE,
        "lifetime": "detached",
        "get_if_exists": True,
        "num_cpus": 0,
        "max_restarts": -1,
        "max_task_retries": -1,
        "max_concurrency": spec.max_concurrency,
    }
    actor: ActorHandle[Any] = cast(Any, ray.remote(spec.made_by)).options(**options).remote(*spec.args)
    return actor


def start_all(specs: Sequence[ActorSpec]) -> dict[str, ActorHandle[Any]]:
    """Start actors side by side and wait until each answers.

    Raises
    ------
    TransientError
        When one does not answer in time.
    """
    actors = {spec.name: start(spec) for spec in specs}
    for name, actor in actors.items():
        try:
            ray.get(actor.ping.remote(), timeout=2 * CALL_TIMEOUT_S)
        except RayError as err:
            raise TransientError(f"actor {name} does not come up: {err}") from err
    return actors


def find(name: str) -> ActorHandle[Any]:
    """An actor by its name.

    Raises
    ------
    TransientError
        When it is not there (yet).
    """
    try:
        return ray.get_actor(name, namespace=NAMESPACE)
    except ValueError as err:
        raise TransientError(f"actor {name} is not running") from err


def names() -> tuple[str, ...]:
    """All our actors that run, those too that were started by whoever needed them first."""
    return tuple(sorted(one["name"] for one in list_named_actors(all_namespaces=True) if one["namespace"] == NAMESPACE))


def stop(name: str) -> None:
    """End an actor for good; one that is not there is ended already."""
    try:
        ray.kill(find(name), no_restart=True)
    except TransientError:
        return
