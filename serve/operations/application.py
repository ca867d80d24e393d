"""The Serve application. Apart from the actors, whose solvers take three seconds to import."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from adapters.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """A Serve application.

    Parameters
    ----------
    build
        Binds it; called in the platform process.
    probe
        A path that it answers with 200 once it serves.
    """

    name: str
    route_prefix: str
    build: Callable[[Settings], Any]
    probe: str


def application() -> Application:
    """The gateway. Its Swagger UI is its lightest page that anybody may see."""
    return Application(name="gateway", route_prefix="/", build=_gateway, probe="/api/docs")


def _gateway(settings: Settings) -> Any:
    from serve.gateway import deployment
    from serve.operations.workers import ActorWorkers, actor_names

    return deployment.application(settings, ActorWorkers(actor_names(settings)))
