"""Metrics bodies, written piece by piece into gzip: a large cluster's objects are never all in memory at once."""

import asyncio
import zlib
from collections.abc import Iterable

import orjson

from agent.watching.mirror import Change

_LEVEL = 6
_GZIP = 31
"""What zlib calls a gzip stream with the largest window."""

STRIDE = 25
"""Objects written before others get a turn."""


async def pack_metrics(metrics: bytes, change: Change | None) -> bytes:
    """A message `domain.wire.messages.MetricsBody` as gzip.

    Parameters
    ----------
    metrics
        JSON of the measurement.
    change
        What to tell of the objects, if anything.
    """
    deflater = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    pieces = [deflater.compress(b'{"metrics":' + metrics)]
    if change is not None:
        pieces.append(deflater.compress(_head(change)))
        for number, text in enumerate(_with_commas(change.texts())):
            pieces.append(deflater.compress(text))
            if number % STRIDE == 0:
                await asyncio.sleep(0)
        pieces.append(deflater.compress(_tail(change)))
    pieces.append(deflater.compress(b"}"))
    pieces.append(deflater.flush())
    return b"".join(pieces)


def bare(metrics: bytes) -> bytes:
    """The same measurement with nothing measured."""
    return orjson.dumps(orjson.loads(metrics) | {"nodes": [], "pods": []})


def without_details(result: bytes) -> bytes:
    """The same result of an action without its details."""
    return orjson.dumps(orjson.loads(result) | {"result": {}})


def _head(change: Change) -> bytes:
    if change.base is None:
        return f',"objects":{{"mode":"full","hash":"{change.result}","items":['.encode()
    return f',"objects":{{"mode":"delta","base":"{change.base}","hash":"{change.result}","upserts":['.encode()


def _tail(change: Change) -> bytes:
    return b"]}" if change.base is None else b'],"deletes":' + orjson.dumps(change.deletes) + b"}"


def _with_commas(texts: Iterable[bytes]) -> Iterable[bytes]:
    for number, text in enumerate(texts):
        yield b"," + text if number else text
