"""The description of the API: examples, security, problems; and the page that shows it."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from starlette.requests import Request
from starlette.responses import HTMLResponse

from domain.wire.messages import EventsBody, Heartbeat, MetricsBody, RegisterRequest, ResultBody
from serve.schemas.base import Problem
from serve.schemas.messages import DiscoveryMessage, PortalMessage

OPENAPI_PATH = "/api/openapi.json"
DOCS_PATH = "/api/docs"
ASSETS = "https://cdn.jsdelivr.net"
DOCS_CSP = (
    f"default-src 'none'; script-src {ASSETS} 'unsafe-inline'; style-src {ASSETS} 'unsafe-inline'; "
    "img-src 'self' data: https://fastapi.tiangolo.com; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'"
)
"""What the page of Swagger UI loads: its script and style, and this API. Nothing else on this origin is affected."""

DESCRIPTION = """
Portal and admins sign in (`POST /api/auth/token`) and send the access token as `Authorization: Bearer …`, or keep it in
a cookie and repeat the CSRF token in `X-CSRF-Token`. Agents send the key of their cluster and `X-Spotopt-Protocol`.

Errors are `application/problem+json` with a stable `type`; lists are paged by `limit` and `cursor`; every answer
carries `X-Request-ID`, and `RateLimit-Limit`, `RateLimit-Remaining`, `RateLimit-Reset`.

WebSockets: `/api/clusters/heartbeat` says what `PortalMessage` lists, `/api/connect/stream` what `DiscoveryMessage`
does; they, `/api/admin/logs`, `/api/admin/logs/live` and `/api/lab/stream/{experiment_id}` open with `?ticket=` from
`POST /api/auth/ws-ticket`. `/api/clusters/{cluster_id}/stream` is the agents' and takes their key in the header.
"""

_BESIDE_ENDPOINTS = (
    *(RegisterRequest, Heartbeat, MetricsBody, EventsBody, ResultBody),
    *(Problem, PortalMessage, DiscoveryMessage),
)


def install(app: FastAPI) -> None:
    """Describe the application."""
    app.openapi = lambda: _described(app)  # type: ignore[method-assign]
    app.add_route(DOCS_PATH, _docs, include_in_schema=False)


def _described(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        schemas = schema.setdefault("components", {}).setdefault("schemas", {})
        for model in _BESIDE_ENDPOINTS:
            own = model.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas |= own.pop("$defs", {}) | {model.__name__: own}
        _drop_default_errors(schema, schemas)
        app.openapi_schema = schema
    return app.openapi_schema


def _drop_default_errors(schema: dict[str, Any], schemas: dict[str, Any]) -> None:
    """FastAPI describes an error body of its own, which we never send."""
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    schema["servers"] = [{"url": "/"}]


async def _docs(request: Request) -> HTMLResponse:
    del request
    page = get_swagger_ui_html(openapi_url=OPENAPI_PATH, title="Spot Optimizer API")
    page.headers["Content-Security-Policy"] = DOCS_CSP
    return page
