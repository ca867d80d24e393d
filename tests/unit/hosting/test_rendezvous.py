"""Rendezvous hashing: even, stable, and moving no more than it must."""

from collections import Counter
from uuid import UUID

import pytest

from actors.hosting.rendezvous import host_of

CLUSTERS = [str(UUID(int=n)) for n in range(4_000)]


def test_clusters_are_spread_evenly() -> None:
    share = Counter(host_of(cluster, 4) for cluster in CLUSTERS)
    assert set(share) == {0, 1, 2, 3}
    assert max(share.values()) < 1.15 * len(CLUSTERS) / 4


def test_a_further_host_takes_its_share_and_moves_nothing_else() -> None:
    moved = [(host_of(cluster, 4), host_of(cluster, 5)) for cluster in CLUSTERS]
    assert {after for before, after in moved if after != before} == {4}
    assert sum(after == 4 for _, after in moved) < 1.2 * len(CLUSTERS) / 5


def test_without_hosts_there_is_no_answer() -> None:
    with pytest.raises(ValueError, match="at least one host"):
        host_of("c", 0)
