"""Which clusters a variant serves. Pure: a cluster stays where it is while the share grows."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """An experiment whose variant serves a share (0..1) of all clusters."""

    experiment_id: UUID
    model_id: UUID
    share: float


def variant_of(cluster_id: UUID, shares: Sequence[Share]) -> UUID | None:
    """The variant that serves a cluster, of several the one that began first; ``None`` for none."""
    return next((one.model_id for one in shares if place_of(cluster_id, one.experiment_id) < one.share), None)


def place_of(cluster_id: UUID, experiment_id: UUID) -> float:
    """Where a cluster stands among all, 0..1: the same for ever, and unrelated between experiments."""
    digest = hashlib.sha256(experiment_id.bytes + cluster_id.bytes).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
