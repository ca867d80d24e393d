"""How shared values are written down: JSON for what people read, UNIX milliseconds for times."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from adapters.redis import keys
from adapters.redis.ports.events import Event
from adapters.redis.ports.stores import RiskChange, RiskFlag
from domain.events import EventPriority
from domain.market import Pool


def to_ms(at: datetime) -> int:
    """A time as UNIX milliseconds."""
    if at.tzinfo is None:
        raise ValueError(f"{at} has no time zone")
    return round(at.timestamp() * 1_000)


def from_ms(ms: float) -> datetime:
    """UNIX milliseconds as a time in UTC."""
    return datetime.fromtimestamp(ms / 1_000, UTC)


def digest(secret: str) -> str:
    """What is stored in place of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def dump_flag(pool: Pool, evidence: Mapping[str, Any], until_ms: int) -> bytes:
    """A flag, as stored and as told."""
    document = {"pool": keys.risk_member(pool), "evidence": dict(evidence), "until_ms": until_ms}
    return orjson.dumps(document)


def dump_cleared(pool: Pool) -> bytes:
    """What is told when a flag is taken away."""
    return orjson.dumps({"pool": keys.risk_member(pool), "until_ms": None})


def parse_change(body: bytes) -> RiskChange:
    """Read a message of the channel of risk changes."""
    document = orjson.loads(body)
    pool = keys.pool_of(document["pool"])
    if document["until_ms"] is None:
        return RiskChange(pool=pool, flag=None)
    until = from_ms(document["until_ms"])
    return RiskChange(pool=pool, flag=RiskFlag(pool=pool, evidence=document["evidence"], until=until))


def parse_flag(body: bytes) -> RiskFlag:
    """Read a stored flag."""
    change = parse_change(body)
    if change.flag is None:
        raise ValueError("a stored flag has an end")
    return change.flag


def dump_event(event: Event) -> bytes:
    """An event as the streams keep it: priority, head, body. The body is not read."""
    head = [event.event_id, event.cluster_id, to_ms(event.occurred_at)]
    return b"%d %b\n%b" % (event.priority, orjson.dumps(head), event.body)


def parse_event(record: bytes) -> Event:
    """Read an event of a stream."""
    first, _, body = record.partition(b"\n")
    priority, _, head = first.partition(b" ")
    event_id, cluster_id, occurred_ms = orjson.loads(head)
    return Event(
        event_id=event_id,
        cluster_id=cluster_id,
        priority=EventPriority(int(priority)),
        occurred_at=from_ms(occurred_ms),
        body=body,
    )
