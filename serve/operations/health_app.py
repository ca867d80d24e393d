"""A Serve application that answers on ``/health`` and nothing else, until there is a gateway."""

from typing import Any

from ray import serve as ray_serve
from starlette.requests import Request
from starlette.responses import JSONResponse

from adapters.settings import Settings


class Health:
    """Answers that it lives."""

    async def __call__(self, request: Request) -> JSONResponse:
        """Answer every request alike."""
        return JSONResponse({"status": "ok", "path": request.url.path})


def build(settings: Settings) -> Any:
    """Bind it with the replicas that a gateway would have."""
    deployment = ray_serve.deployment(
        name="Health", num_replicas=settings.gateway_replicas, ray_actor_options={"num_cpus": 0}
    )
    return deployment(Health).bind()
