"""What is advised at once when a container was killed for want of memory; usage over days refines it later."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.commands import RecomputeRequests, derived_id
from domain.insight import Recommendation, RecommendationKind, RecommendationStatus
from domain.units import MIB

AT_LEAST_MORE_BYTES = 100 * MIB
"""Memory is raised by the buffer, and not by too little for small containers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advising:
    """Whether the owner of a cluster wants advice on requests, and by which share it is to exceed what was used."""

    wanted: bool = True
    buffer_share: float = 0.2


def more_memory(
    command: RecomputeRequests, *, buffer_share: float, organization_id: UUID, cluster_id: UUID, now: datetime
) -> Recommendation:
    """Advice for a container that was killed at its limit, or without one, when its node had no more."""
    kind, _, name = command.owner.partition("/")
    subject = f"{kind} {command.namespace}/{name}" if name else f"Pod {command.namespace}/{command.pod}"
    container = f"container {command.container} of {subject}"
    details: dict[str, object] = {"container": command.container, "limit_bytes": command.limit_bytes}
    if command.limit_bytes:
        wanted = max(int(command.limit_bytes * (1 + buffer_share)), command.limit_bytes + AT_LEAST_MORE_BYTES)
        details["memory_bytes"] = wanted
        text = (
            f"{container} was killed at its memory limit of {command.limit_bytes // MIB} MiB: "
            f"raise request and limit to {-(-wanted // MIB)} MiB"
        )
    else:
        text = f"{container} was killed when its node had no memory left: give it a memory request and a limit"
    return Recommendation(
        id=UUID(derived_id(str(cluster_id), "out of memory", command.cause, command.container)),
        organization_id=organization_id,
        cluster_id=cluster_id,
        kind=RecommendationKind.RIGHTSIZE,
        subject=f"{subject} {command.container}",
        status=RecommendationStatus.OPEN,
        text=text,
        saving_micro_usd_per_month=0,
        created_at=now,
        details=details,
    )
