"""The application: all routes and layers put together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from actors.hosting.ports import Clusters
from actors.services import Services
from adapters.mail.mail import Mailer
from adapters.sandbox.process import ProcessSandbox
from adapters.settings import Settings
from serve.auth.cookies import CSRF_HEADER
from serve.auth.passwords import Passwords
from serve.gateway import documentation, problems
from serve.gateway.addresses import ProxyTrust
from serve.gateway.bodies import BodyLimit
from serve.gateway.context import Gateway, Opening, assemble, running
from serve.gateway.logs import LogForwarder
from serve.gateway.middleware import Doorkeeper, Outermost
from serve.gateway.requests import REQUEST_ID_HEADER
from serve.gateway.static import Portal, portal_folder
from serve.gateway.workers import NoWorkers, Workers
from serve.routes import (
    activity,
    admin,
    agent,
    audit,
    auth,
    clusters,
    connect,
    credentials,
    keys,
    lab,
    metrics,
    models,
    plans,
    policies,
    simulations,
)
from serve.sockets import agent as agent_socket
from serve.sockets import discovery, portal

API = "/api"
EXPOSED = [REQUEST_ID_HEADER, "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "Retry-After", "Location"]


def create_app(
    services: Services,
    clusters: Clusters,
    mailer: Mailer,
    *,
    workers: Workers | None = None,
    passwords: Passwords | None = None,
    forwarder: LogForwarder | None = None,
) -> FastAPI:
    """The gateway over services that are open already. Its lifespan begins and ends the background work.

    Parameters
    ----------
    workers
        Asked by the health pages.
    passwords
        Cheaper ones for tests.
    forwarder
        Log lines on their way to ``system:logs``; see `serve.gateway.logs.configure`.
    """
    made = assemble(
        services,
        clusters,
        mailer,
        workers=workers or NoWorkers(),
        passwords=passwords or Passwords(),
        forwarder=forwarder or LogForwarder(),
    )
    return build(services.settings, lambda: running(made))


def build(settings: Settings, opening: Opening) -> FastAPI:
    """The gateway over what ``opening`` opens when the application starts."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with opening() as gateway:
            app.state.gateway = gateway
            app.state.sandbox = ProcessSandbox()
            yield

    app = FastAPI(
        title="Spot Optimizer",
        version=version("spot-optimizer"),
        description=documentation.DESCRIPTION,
        openapi_url=documentation.OPENAPI_PATH,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    # Agents call most, and routes are tried in order.
    for router in (agent.router, portal.router, discovery.router, agent_socket.router):
        app.include_router(router, prefix=API)
    for resource in (
        auth,
        credentials,
        connect,
        clusters,
        plans,
        keys,
        policies,
        metrics,
        activity,
        audit,
        admin,
        models,
        lab,
        simulations,
    ):
        app.include_router(resource.router, prefix=API)
    problems.install(app)
    documentation.install(app)
    app.router.default = Portal(app.router.default, portal_folder())
    _add_layers(app, settings)
    return app


def _add_layers(app: FastAPI, settings: Settings) -> None:
    """The last one added is the outermost."""
    app.add_middleware(BodyLimit)
    app.add_middleware(Doorkeeper, check=lambda scope: _gateway(app).admission.address(scope))
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_credentials=True,
            allow_methods=["GET", "POST", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key", CSRF_HEADER, REQUEST_ID_HEADER],
            expose_headers=EXPOSED,
        )
    app.add_middleware(
        Outermost,
        trust=ProxyTrust(settings.trusted_proxies),
        https=settings.url.startswith("https://"),
        count=lambda status: _gateway(app).calls.update((status,)),
    )


def _gateway(app: FastAPI) -> Gateway:
    gateway = app.state.gateway
    assert isinstance(gateway, Gateway)  # noqa: S101 - set when the application starts
    return gateway
