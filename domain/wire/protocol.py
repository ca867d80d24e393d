"""The protocol's version and how an agent of another version is answered."""

from domain.errors import InputError, RejectedError

PROTOCOL_HEADER = "X-Spotopt-Protocol"
"""Every request of an agent carries its version here, every answer the version that the service speaks with it."""

PROTOCOL_VERSION = 1
"""Raised when an old agent would misunderstand; fields that may be left out do not raise it."""

OLDEST_PROTOCOL = 1
"""Oldest version that is served. A version is served for at least a year after the next one."""

UPGRADE_REQUIRED = 426
"""HTTP status for an agent that is too old; as a WebSocket close code `CLOSE_UPGRADE_REQUIRED`."""

CLOSE_UPGRADE_REQUIRED = 4426


class ProtocolTooOldError(RejectedError):
    """The agent speaks a version that is no longer served: it must be upgraded, trying again is of no use."""

    def __init__(self, version: int) -> None:
        super().__init__(version)
        self.version = version

    def __str__(self) -> str:
        return (
            f"protocol {self.version} is no longer served, the oldest is {OLDEST_PROTOCOL}; "
            "upgrade the agent: helm upgrade spot-optimizer-agent"
        )


def negotiate(header: str | None) -> int:
    """The version to speak with an agent: its own, or ours when the agent is newer.

    A newer agent decides by the version in the answer whether it can speak that one.

    Raises
    ------
    InputError
        When the header is missing or no whole number above 0.
    ProtocolTooOldError
        When the agent's version is no longer served.
    """
    if header is None:
        raise InputError("request", PROTOCOL_HEADER, f"is missing; it names the protocol version, {PROTOCOL_VERSION}")
    if not (header.isascii() and header.isdigit()) or len(header) > 6 or int(header) == 0:
        raise InputError("request", PROTOCOL_HEADER, "must be a whole number above 0")
    version = int(header)
    if version < OLDEST_PROTOCOL:
        raise ProtocolTooOldError(version)
    return min(version, PROTOCOL_VERSION)
