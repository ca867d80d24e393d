"""The gateway as a Ray Serve deployment: a replica opens its services when it starts, and closes them when it stops."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from ray import serve as ray_serve
from ray.serve.config import AutoscalingConfig
from ray.serve.schema import LoggingConfig

from actors.connect import services_of
from actors.hosting.client import RayClusters
from adapters.settings import Settings, load_settings
from serve.auth.passwords import Passwords
from serve.gateway.app import build
from serve.gateway.context import Gateway, assemble, running
from serve.gateway.logs import LogForwarder, configure
from serve.gateway.mailers import mailer_of
from serve.gateway.process import settle
from serve.gateway.workers import NoWorkers, Workers

NAME = "Gateway"
MOST_ONGOING = 20_000
"""Requests and WebSockets that one replica takes at once. WebSockets count, and stay for days."""
TARGET_ONGOING = 3_000
"""A replica is added when the others have more than this each: agents connected, mostly."""
HEALTH_EVERY_S, HEALTH_TIMEOUT_S = 5, 20
STOP_WITHIN_S = 10


@ray_serve.ingress()
class GatewayReplica:
    """One replica. What it remembers is a copy; when it dies, agents and pages connect to another one.

    Parameters
    ----------
    given
        Settings that win over those of the environment.
    workers
        Asked by the health pages.
    """

    def __init__(self, given: Mapping[str, object] | None = None, workers: Workers | None = None) -> None:
        self._settings = load_settings(given)
        self._workers = workers or NoWorkers()

    def __serve_build_asgi_app__(self) -> FastAPI:
        """Build the application; Ray Serve runs its lifespan."""
        return build(self._settings, self._opened)

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[Gateway]:
        settings, forwarder = self._settings, LogForwarder()
        configure(settings, forwarder)
        async with services_of(settings) as services:
            clusters = RayClusters(settings.cluster_hosts, services.hub.bus)
            mailer = mailer_of(settings, services.clock)
            made = assemble(
                services, clusters, mailer, workers=self._workers, passwords=Passwords(), forwarder=forwarder
            )
            async with running(made) as gateway:
                settle()
                yield gateway


def application(settings: Settings, workers: Workers | None = None) -> Any:
    """The deployment, to be handed to ``ray_serve.run``."""
    deployment: Any = ray_serve.deployment(
        name=NAME,
        max_ongoing_requests=MOST_ONGOING,
        autoscaling_config=AutoscalingConfig(
            min_replicas=settings.gateway_replicas,
            initial_replicas=settings.gateway_replicas,
            max_replicas=settings.gateway_replicas_max,
            target_ongoing_requests=TARGET_ONGOING,
        ),
        ray_actor_options={"num_cpus": 0},
        health_check_period_s=HEALTH_EVERY_S,
        health_check_timeout_s=HEALTH_TIMEOUT_S,
        graceful_shutdown_timeout_s=STOP_WITHIN_S,
        logging_config=LoggingConfig(enable_access_log=False),  # the gateway's own line says more
    )(GatewayReplica)
    return deployment.bind(None, workers)
