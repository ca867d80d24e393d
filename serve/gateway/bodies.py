"""Bodies of requests, within their limits: counted while they come in, and again while they are unpacked."""

import zlib
from typing import Any

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from domain.wire.base import MAX_BODY_BYTES
from serve.gateway.problems import ProblemError, invalid
from serve.gateway.requests import info_of

GZIP = 16 + zlib.MAX_WBITS
_PIECE = 1 << 18


class BodyLimit:
    """Middleware: a body longer than the request's limit ends in 413, whatever its header promised."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting its body."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self._app(scope, receive, send)
            return
        info, read = info_of(scope), 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > info.body_limit:
                raise too_large(info.body_limit)
            return message

        await self._app(scope, counted, send)


def too_large(limit: int) -> ProblemError:
    """The answer to a body that is too large."""
    return ProblemError(413, f"the body is larger than {limit} bytes, after unpacking", headers={"Connection": "close"})


async def read_body(request: Request, *, limit: int) -> bytes:
    """The whole body, unpacked when it is gzip.

    Parameters
    ----------
    limit
        Bytes as unpacked; as sent the protocol allows at most `MAX_BODY_BYTES`.
    """
    sent = min(limit, MAX_BODY_BYTES)
    info_of(request.scope).body_limit = sent
    promised = request.headers.get("content-length", "0")
    if promised.isdigit() and int(promised) > sent:
        raise too_large(sent)
    encoding = request.headers.get("content-encoding", "identity").lower()
    if encoding == "identity":
        return await request.body()
    if encoding != "gzip":
        raise ProblemError(415, f"Content-Encoding {encoding} is not understood; use gzip or none")
    return gunzip(await request.body(), limit=limit)


def gunzip(packed: bytes, *, limit: int) -> bytes:
    """Unpack piece by piece, never more than the limit.

    Raises
    ------
    ProblemError
        413 when it is larger, 422 when it is no gzip or cut short.
    """
    inflater: Any = zlib.decompressobj(GZIP)
    pieces: list[bytes] = []
    size, rest = 0, packed
    try:
        while rest and not inflater.eof:
            piece = inflater.decompress(rest, min(_PIECE, limit + 1 - size))
            rest = inflater.unconsumed_tail
            size += len(piece)
            pieces.append(piece)
            if size > limit:
                raise too_large(limit)
    except zlib.error as err:
        raise invalid("body", "is no gzip, though Content-Encoding says so") from err
    if not inflater.eof or inflater.unused_data:
        raise invalid("body", "is gzip that is cut short or followed by something else")
    return b"".join(pieces)
