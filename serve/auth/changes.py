"""News of revoked keys and changed people, so that every replica forgets what it remembers of them at once."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

import orjson

from adapters.redis.ports import Bus, Message

AUTH_CHANGES = "auth:changes"
"""Channel. What is missed in a gap is made good by forgetting everything."""


class Subject(StrEnum):
    """What has changed."""

    KEY = "key"
    CLUSTER = "cluster"
    USER = "user"
    SESSION = "session"
    ORGANIZATION = "organization"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthChange:
    """Something that must be looked up anew."""

    subject: Subject
    id: UUID


async def tell(bus: Bus, *changes: AuthChange) -> None:
    """Tell all replicas."""
    bodies = [orjson.dumps({"subject": change.subject, "id": str(change.id)}) for change in changes]
    await bus.publish_many([Message(channel=AUTH_CHANGES, body=body) for body in bodies])


def parse(body: bytes) -> AuthChange:
    """Read a message of the channel.

    Raises
    ------
    ValueError, KeyError
        When it is none.
    """
    document = orjson.loads(body)
    return AuthChange(subject=Subject(document["subject"]), id=UUID(document["id"]))
