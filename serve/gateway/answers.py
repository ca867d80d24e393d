"""Answers that many pages ask for, kept in Redis of each organisation apart."""

import logging
from collections.abc import Awaitable, Callable
from uuid import UUID

from pydantic import BaseModel
from starlette.responses import Response

from adapters.redis.ports.answers import Kept
from domain.errors import TransientError
from serve.gateway.context import Gateway

_logger = logging.getLogger(__name__)


async def kept(
    gateway: Gateway, owner: UUID, name: str, *, ttl_s: float, make: Callable[[], Awaitable[BaseModel]]
) -> Response:
    """The answer of this name, made when none is kept. Without Redis it is made each time.

    Parameters
    ----------
    owner
        The organisation; nobody else is given its answers.
    name
        With all that the answer depends on: parameters of the request, say.
    """
    found = await _found(gateway, owner, name)
    if found is not None and found.body is not None:
        return _json(found.body)
    body = (await make()).model_dump_json().encode()
    if found is not None:
        try:
            await gateway.services.hub.answers.put(str(owner), name, body, stamp=found.stamp, ttl_s=ttl_s)
        except TransientError as err:
            _logger.info("an answer is not kept: %s", err)
    return _json(body)


async def drop(gateway: Gateway, owner: UUID) -> None:
    """Something was changed: make this organisation's answers anew. When that cannot be told, they end in minutes."""
    try:
        await gateway.services.hub.answers.drop(str(owner))
    except TransientError as err:
        _logger.info("answers end by themselves: %s", err)


async def _found(gateway: Gateway, owner: UUID, name: str) -> Kept | None:
    try:
        return await gateway.services.hub.answers.get(str(owner), name)
    except TransientError:
        return None


def _json(body: bytes) -> Response:
    return Response(body, media_type="application/json")
