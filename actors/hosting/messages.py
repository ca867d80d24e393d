"""What a cluster's commands tell others at once, over the bus: its agent, and whoever watches it in the portal."""

from datetime import datetime

import orjson

from adapters.redis import keys as names
from adapters.redis.ports.bus import Message
from domain.commands import AskForSnapshot, Command, TellPortal, WakeAgent
from domain.wire.socket import CommandMessage, ResendMessage


def messages_of(cluster: str, command: Command, now: datetime) -> list[Message]:
    """What a command tells others at once."""
    match command:
        case WakeAgent():
            return [Message(channel=names.agent_command(cluster), body=CommandMessage().model_dump_json().encode())]
        case AskForSnapshot():
            return [Message(channel=names.agent_command(cluster), body=ResendMessage().model_dump_json().encode())]
        case TellPortal(topic=topic, data=data):
            body = orjson.dumps({"topic": topic, "cluster_id": cluster, "at": now, "data": dict(data)})
            return [Message(channel=names.cluster_events(cluster), body=body)]
    return []
