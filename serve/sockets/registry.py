"""Who is connected to this replica: agents by cluster, and pages."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from enum import StrEnum
from uuid import UUID

import orjson

from domain.fleet import KeyHolder
from domain.wire.socket import CommandMessage, ResendMessage
from serve.auth.changes import AuthChange, Subject
from serve.sockets.connection import CLOSE_UNAUTHENTICATED, Connection

COMMAND_TEXT = CommandMessage().model_dump_json()
RESEND_TEXT = ResendMessage().model_dump_json()


class Command(StrEnum):
    """What a message on ``agent:command:{cluster}`` asks for, in the words of the agent's own messages."""

    COMMAND = "command"
    CONFIG = "config"
    RESEND = "resend"


def command_in(body: bytes) -> Command:
    """What a message asks for: ``{"type": …}``. Whatever else it says wakes the agent, which then finds out."""
    try:
        return Command(orjson.loads(body)["type"])
    except (ValueError, KeyError, TypeError):
        return Command.COMMAND


class Registered:
    """One agent's connection. ``reconfigure`` sends the configuration as it is now."""

    def __init__(self, holder: KeyHolder, connection: Connection, reconfigure: Callable[[], None]) -> None:
        self.holder = holder
        self.connection = connection
        self.reconfigure = reconfigure


class PortalSockets:
    """The pages that are connected to this replica."""

    def __init__(self) -> None:
        self._open: dict[Connection, Mapping[Subject, UUID | None]] = {}

    def add(self, connection: Connection, owner: Mapping[Subject, UUID | None]) -> None:
        """Take a connection in; ``owner`` says whose it is in each respect."""
        self._open[connection] = owner

    def remove(self, connection: Connection) -> None:
        """Let a connection go."""
        self._open.pop(connection, None)

    def auth_changed(self, change: AuthChange) -> None:
        """Cut off those whose session, owner or organisation was changed; who is still welcome comes back."""
        for connection, owner in tuple(self._open.items()):
            if owner.get(change.subject) == change.id:
                connection.close(CLOSE_UNAUTHENTICATED, "sign in again")


class AgentSockets:
    """All of them. An agent may be connected twice for a while: during a rolling update, say."""

    def __init__(self) -> None:
        self._by_cluster: defaultdict[UUID, set[Registered]] = defaultdict(set)

    def __len__(self) -> int:
        return sum(len(ones) for ones in self._by_cluster.values())

    def add(self, one: Registered) -> None:
        """Take a connection in."""
        self._by_cluster[one.holder.cluster_id].add(one)

    def remove(self, one: Registered) -> None:
        """Let a connection go."""
        ones = self._by_cluster[one.holder.cluster_id]
        ones.discard(one)
        if not ones:
            del self._by_cluster[one.holder.cluster_id]

    def commanded(self, cluster_id: UUID, command: Command) -> None:
        """Hand a command to the agents of a cluster."""
        for one in tuple(self._by_cluster.get(cluster_id, ())):
            match command:
                case Command.CONFIG:
                    one.reconfigure()
                case Command.RESEND:
                    one.connection.put(RESEND_TEXT)
                case Command.COMMAND:
                    one.connection.put(COMMAND_TEXT)

    def wake_all(self) -> None:
        """Have all agents ask for their actions."""
        for one in self._all():
            one.connection.put(COMMAND_TEXT)

    def reconfigure_all(self) -> None:
        """Send all agents their configuration."""
        for one in self._all():
            one.reconfigure()

    def auth_changed(self, change: AuthChange) -> None:
        """Cut off those whose key, cluster or organisation was changed; who is still welcome comes back."""
        for one in self._all():
            holder = one.holder
            ids = {
                Subject.KEY: holder.api_key_id,
                Subject.CLUSTER: holder.cluster_id,
                Subject.ORGANIZATION: holder.organization_id,
            }
            if ids.get(change.subject) == change.id:
                one.connection.close(CLOSE_UNAUTHENTICATED, "the key is void")

    def _all(self) -> tuple[Registered, ...]:
        return tuple(one for ones in self._by_cluster.values() for one in ones)
