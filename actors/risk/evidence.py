"""Evidence of a capacity pool, and how much each kind of it says."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from domain.commands import EvidenceKind
from domain.market import Pool

WEIGHTS: Mapping[EvidenceKind, float] = {
    EvidenceKind.INTERRUPTION: 1.0,
    EvidenceKind.CAPACITY: 1.0,
    EvidenceKind.REBALANCE: 0.5,
    EvidenceKind.NOT_READY: 0.25,
}
"""Share of a flag that one piece of evidence of a known instance is worth. A recommendation is often followed by an
interruption but not always; a node is not ready for many reasons of its own."""

UNKNOWN_FACTOR = 0.5
"""Worth of evidence whose instance the service does not know, against one it knows. Two organisations that report an
interruption each make a flag; one alone never does."""

FLAG_AT = 1.0
"""Sum of worths, the best of each organisation, at which a pool is flagged for all."""

FLAGS_OWN = frozenset({EvidenceKind.INTERRUPTION, EvidenceKind.CAPACITY, EvidenceKind.NOT_READY})
"""Kinds that flag a pool for the organisation that reports them, whatever they are worth to others."""

NO_CAPACITY = frozenset({"InsufficientInstanceCapacity", "UnfulfillableCapacity"})
"""Error codes of EC2 that speak of a pool. Quotas (``MaxSpotInstanceCountExceeded``, ``VcpuLimitExceeded``) speak of an
account, throttling of our own calls: none of them is evidence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Something seen of a pool.

    Parameters
    ----------
    id
        Of the event; the same event counts once.
    cluster, organisation
        Whose event it is. Never told to other organisations.
    instance_id
        The instance it happened to; one instance counts once for each kind.
    known
        Whether the service knew that instance, in that pool, as this organisation's before the report: by discovery, as
        one it launched, or as a node of earlier snapshots. An agent could invent the last: what that can do to others
        is bounded by rate and share, and discovery should have the last word where it runs.
    at
        When the service learnt of it (UTC).
    """

    id: str
    cluster: str
    organisation: str
    pool: Pool
    kind: EvidenceKind
    instance_id: str
    known: bool
    at: datetime

    @property
    def worth(self) -> float:
        """Share of a flag for all, 0..1."""
        return WEIGHTS[self.kind] * (1.0 if self.known else UNKNOWN_FACTOR)


def evidence_of_launch_error(code: str) -> EvidenceKind | None:
    """What a failed launch says of its pool, ``None`` when it says nothing."""
    return EvidenceKind.CAPACITY if code in NO_CAPACITY else None
