"""Log lines: one JSON object each, without secrets, on standard error and on the channel ``system:logs``."""

import logging
import re
import sys
from collections import deque
from collections.abc import MutableMapping
from typing import Any

import orjson
import structlog

from adapters.clock import Clock
from adapters.redis import keys
from adapters.redis.ports import Bus, Message
from adapters.settings import LogFormat, Settings

WAITING = 1_000
"""Lines that wait to be published; beyond it the oldest are dropped, and counted."""
RECENT = 500
"""Lines kept for somebody who opens the log."""
FLUSH_S = 0.2
MAX_CHARS = 2_000

_SECRET_NAMES = re.compile(r"pass|secret|token|authorization|cookie|api_key|ticket|signature|sealed", re.IGNORECASE)
_SECRET_VALUES = re.compile(
    r"so_[A-Za-z0-9_-]{20,}|eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_.-]+|(?<=://)[^/@\s]+@|ticket=\S+"
)
_HIDDEN = "[hidden]"

Line = MutableMapping[str, Any]


def without_secrets(_logger: object, _method: str, line: Line) -> Line:
    """Hide values whose name or look is that of a secret, and cut what is too long."""
    for name, value in line.items():
        if _SECRET_NAMES.search(name):
            line[name] = _HIDDEN
        elif isinstance(value, str):
            line[name] = _SECRET_VALUES.sub(_HIDDEN, value[:MAX_CHARS])
    return line


class LogForwarder:
    """Keeps rendered lines until they are published. Never waits, never grows beyond its bound."""

    def __init__(self) -> None:
        self._waiting: deque[bytes] = deque(maxlen=WAITING)
        self._dropped = 0

    def tee(self, _logger: object, _method: str, line: Line) -> Line:
        """Keep a copy of a line on its way out: a structlog processor."""
        self.put(orjson.dumps(dict(line), default=str))
        return line

    def put(self, line: bytes) -> None:
        """Keep a line."""
        self._dropped += len(self._waiting) == WAITING
        self._waiting.append(line)

    async def publish(self, bus: Bus) -> None:
        """Publish what waits, in one round trip."""
        lines, dropped = list(self._waiting), self._dropped
        self._waiting.clear()
        self._dropped = 0
        if dropped:
            lines.append(orjson.dumps({"event": "log lines dropped", "level": "warning", "count": dropped}))
        if lines:
            await bus.publish_many([Message(channel=keys.SYSTEM_LOGS, body=line) for line in lines])

    async def run(self, bus: Bus, clock: Clock) -> None:
        """One step of the loop that publishes."""
        await clock.sleep(FLUSH_S)
        await self.publish(bus)


class RecentLogs:
    """The last lines of all processes, for whoever opens the log."""

    def __init__(self) -> None:
        self._lines: deque[bytes] = deque(maxlen=RECENT)

    def put(self, message: Message) -> None:
        """Keep a line."""
        self._lines.append(message.body)

    def lines(self) -> tuple[bytes, ...]:
        """The lines, oldest first."""
        return tuple(self._lines)


def configure(settings: Settings, forwarder: LogForwarder) -> None:
    """Send all log lines of this process, ours and the libraries', the same way."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        without_secrets,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if settings.log_format is LogFormat.JSON
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    handler = logging.StreamHandler(sys.stderr)
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, forwarder.tee, renderer],
    )
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level)
    logging.getLogger("uvicorn.access").disabled = True  # the gateway's own line says more
