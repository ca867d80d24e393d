"""Messages over the agent's WebSocket. They carry no work: what matters is fetched and signed, so none can be lost."""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from domain.wire.base import Count, Name, UtcTime, WireModel
from domain.wire.messages import AgentConfig

PING_INTERVAL_S = 20
"""Either side pings when it has heard nothing for as long; after twice as long the connection counts as dead."""


class CommandMessage(WireModel):
    """Actions wait: poll at once. Sent again for each new action, and after a resume when some wait."""

    type: Literal["command"] = "command"


class ConfigMessage(WireModel):
    """The configuration has changed."""

    type: Literal["config"] = "config"
    config: AgentConfig


class ResendMessage(WireModel):
    """Send all objects with the next metrics body."""

    type: Literal["resend"] = "resend"


class PingMessage(WireModel):
    """Are you there? Answered by a pong with the same id."""

    type: Literal["ping"] = "ping"
    id: Count
    sent_at: UtcTime | None = None


class PongMessage(WireModel):
    """Yes."""

    type: Literal["pong"] = "pong"
    id: Count


class ResumeMessage(WireModel):
    """First message of an agent on each connection: what it has. The answer is `ResumedMessage`."""

    type: Literal["resume"] = "resume"
    instance: Name
    config_version: Count


class ResumedMessage(WireModel):
    """The connection stands. A newer configuration and waiting actions are told right after it."""

    type: Literal["resumed"] = "resumed"
    server_time: UtcTime
    ping_interval_s: Count = PING_INTERVAL_S


ServerMessage = Annotated[
    CommandMessage | ConfigMessage | ResendMessage | PingMessage | PongMessage | ResumedMessage,
    Field(discriminator="type"),
]
AgentMessage = Annotated[ResumeMessage | PingMessage | PongMessage, Field(discriminator="type")]

SERVER_MESSAGE: TypeAdapter[ServerMessage] = TypeAdapter(ServerMessage)
"""Reads what the service sends: ``read_value(SERVER_MESSAGE, raw, what="message")``."""

AGENT_MESSAGE: TypeAdapter[AgentMessage] = TypeAdapter(AgentMessage)
"""Reads what an agent sends."""
