"""Every name in Redis: keys, channels, streams. No other module spells one.

Names that take part in one script share a hash tag (``{events}``), so that they would stay together on a cluster.
"""

from domain.market import Pool

# Channels (publish and subscribe; nothing that must survive)
SYSTEM_LOGS = "system:logs"
RISK_CHANGES = "risk:changes"
EARLY_EVIDENCE = "risk:early"
"""Evidence for the registry, ahead of its storage."""
PLATFORM_CONFIG = "platform:config"
"""The names of settings of the platform that were changed just now; who misses one reads them anew after the gap."""
CLUSTER_EVENTS_OF_ALL = "cluster:events:*"
AGENT_HEARTBEATS_OF_ALL = "agent:heartbeat:*"

# Risk
RISK_INDEX = "risk:index"
"""Sorted set of flagged pools by the time their flag ends, so that listing them reads no other keys."""
DANGER = "DANGER"
"""What a risk key holds."""

# Event stream
EVENTS = "{events}"
EVENT_GROUP = "consumers"

# Heartbeats
HEARTBEATS_SEEN = "heartbeats:seen"
"""Sorted set of clusters by the time of their last heartbeat (UNIX ms)."""
HEARTBEATS_LATEST = "heartbeats:latest"
"""Hash of the body of each cluster's last heartbeat."""


def early_notices(host: int) -> str:
    """The channel of notices for one host of clusters, ahead of their storage."""
    return f"notices:early:{host}"


def risk(pool: Pool) -> str:
    """The key that is there while a pool is flagged."""
    return f"RISK:{risk_member(pool)}"


def risk_evidence(pool: Pool) -> str:
    """The key of what speaks against a pool."""
    return f"risk:evidence:{risk_member(pool)}"


def risk_member(pool: Pool) -> str:
    """A pool's name in the index of flags."""
    return f"{pool.region}:{pool.zone_id}:{pool.instance_type}"


def pool_of(member: str) -> Pool:
    """The pool that a name in the index stands for."""
    region, zone_id, instance_type = member.split(":")
    return Pool(region=region, zone_id=zone_id, instance_type=instance_type)


def spot_prices(region: str, instance_type: str) -> str:
    """The key of an instance type's Spot prices by zone id."""
    return f"spot_prices:{region}:{instance_type}"


def lab_telemetry(test_id: str) -> str:
    """The channel of one experiment's telemetry."""
    return f"lab:telemetry:{test_id}"


def cluster_events(cluster_id: str) -> str:
    """The channel of what happens in one cluster, for its portal pages."""
    return f"cluster:events:{cluster_id}"


def agent_heartbeat(cluster_id: str) -> str:
    """The channel of one cluster's heartbeats."""
    return f"agent:heartbeat:{cluster_id}"


def discovery(organization_id: str) -> str:
    """The channel of how far discoveries of an organisation's AWS accounts are."""
    return f"discovery:{organization_id}"


def agent_command(cluster_id: str) -> str:
    """The channel that wakes one cluster's agent."""
    return f"agent:command:{cluster_id}"


def events(part: str) -> str:
    """A key of the event stream: ``0``, ``1``, ``2`` (by priority), ``delayed``, ``dead``, ``counts``."""
    return f"{EVENTS}:{part}"


def event_seen(cluster_id: str, event_id: str) -> str:
    """The key that is there while an event's id is remembered; ids of different clusters never meet."""
    return f"{EVENTS}:seen:{cluster_id}:{event_id}"


def revoked_token(jti: str) -> str:
    """The key that is there while a token that was logged out has not expired."""
    return f"auth:revoked:{jti}"


def ticket(digest: str) -> str:
    """The key of a one-time ticket, by the SHA-256 of the ticket."""
    return f"auth:ticket:{digest}"


def answer(owner: str, name: str) -> str:
    """The key of an answer that is kept for a while."""
    return f"answers:{{{owner}}}:{name}"


def answers_stamp(owner: str) -> str:
    """The counter that all answers of an owner carry: raising it drops them."""
    return f"answers:{{{owner}}}"


def nonce(scope: str, value: str) -> str:
    """The key that is there while a nonce has been used."""
    return f"nonce:{scope}:{value}"


def lease(name: str) -> str:
    """The key of who leads; its fencing tokens are counted beside it."""
    return f"{{lease:{name}}}"


def lease_tokens(name: str) -> str:
    """The counter of a lease's fencing tokens; never expires."""
    return f"{{lease:{name}}}:tokens"
