"""What is known of one request beside its bytes, from the outermost layer to the log line at its end."""

import secrets
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

from adapters.redis.ports import Verdict

KEY = "spotopt.request"
REQUEST_ID_HEADER = "X-Request-ID"
MAX_GIVEN_ID_CHARS = 64
DEFAULT_BODY_BYTES = 64 << 10
"""Largest body of a request whose caller is not known yet; agents' endpoints raise it after they know the key."""

Scope = MutableMapping[str, Any]


@dataclass(slots=True, kw_only=True)
class RequestInfo:
    """Filled in on the way: ``actor`` by authentication, ``verdict`` by limits, ``body_limit`` by agents' endpoints."""

    id: str
    address: str = ""
    counted_as: str = ""
    """Name under which the address is limited; empty when only a proxy of ours is known, which stands for everybody."""
    actor: str = ""
    verdict: Verdict | None = None
    body_limit: int = DEFAULT_BODY_BYTES
    quiet: bool = False
    """Whether a success is not worth a log line: agents call thousands of times a second."""
    protocol: int = 0
    """Version of the agents' protocol that the answer names; 0 for answers to others."""


def info_of(scope: Scope) -> RequestInfo:
    """What is known of the request of this scope."""
    info = scope.get(KEY)
    if not isinstance(info, RequestInfo):
        info = scope[KEY] = RequestInfo(id=new_request_id())
    return info


def new_request_id() -> str:
    """A fresh id."""
    return secrets.token_hex(8)


def given_request_id(header: str) -> str:
    """The caller's id where it is harmless in logs and headers, else a fresh one."""
    harmless = 0 < len(header) <= MAX_GIVEN_ID_CHARS and all(char.isalnum() or char in "-_.:" for char in header)
    return header if harmless and header.isascii() else new_request_id()
