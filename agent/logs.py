"""Logs: one JSON object a line on standard output. Nothing secret is ever handed to them."""

import logging
import sys

import structlog
from structlog.tracebacks import ExceptionDictTransformer

_FOREIGN = ("httpx", "httpcore", "websockets", "asyncio")
"""Libraries whose own lines are kept from warning on: below that they tell every request."""

_LAST: tuple[structlog.types.Processor, ...] = (
    # Without local variables: keys may be among them.
    structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
    structlog.processors.JSONRenderer(),
)


def configure(level: str) -> None:
    """Log from a level on: ``debug``, ``info``, ``warning`` or ``error``."""
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, *_LAST],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(sys.stdout),
        cache_logger_on_first_use=False,
    )
    _take_over_foreign(shared, number)


def _take_over_foreign(shared: list[structlog.types.Processor], level: int) -> None:
    handler = logging.StreamHandler(sys.stdout)
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_LAST],
    )
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=max(level, logging.WARNING), force=True)
    for name in _FOREIGN:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
