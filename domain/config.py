"""Settings that admins change while the platform runs, and their defaults."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

SAFE_MODE = "SAFE_MODE"
GLOBAL_RISK_TTL = "GLOBAL_RISK_TTL"
HEARTBEAT_TIMEOUT = "HEARTBEAT_TIMEOUT"
COLLECTION_INTERVAL = "COLLECTION_INTERVAL"
OPTIMIZATION_COOLDOWN = "OPTIMIZATION_COOLDOWN"
MAX_CONCURRENT_ACTIONS = "MAX_CONCURRENT_ACTIONS"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigDefault:
    """A setting's value before anybody changed it, as text, and what it means."""

    value: str
    description: str


DEFAULT_CONFIG: Mapping[str, ConfigDefault] = MappingProxyType(
    {
        SAFE_MODE: ConfigDefault(value="FALSE", description="TRUE: nothing is changed anywhere, only written down."),
        GLOBAL_RISK_TTL: ConfigDefault(value="1800", description="Seconds that a flagged pool is avoided."),
        HEARTBEAT_TIMEOUT: ConfigDefault(value="60", description="Seconds without heartbeat: the cluster is silent."),
        COLLECTION_INTERVAL: ConfigDefault(value="30", description="Seconds between an agent's reports."),
        OPTIMIZATION_COOLDOWN: ConfigDefault(value="300", description="Seconds between runs over one cluster."),
        MAX_CONCURRENT_ACTIONS: ConfigDefault(value="5", description="Nodes of one cluster touched at once."),
    }
)
"""By key. Truth values are TRUE and FALSE."""
