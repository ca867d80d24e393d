"""Which host a cluster lives on: rendezvous hashing, so that a host more or less moves only the clusters it must.

Thaler, Ravishankar: A name-based mapping scheme for rendezvous, 1996.
"""

from hashlib import blake2b


def host_of(cluster_id: str, hosts: int) -> int:
    """Index of the host of a cluster, 0 to ``hosts`` - 1: the one with the highest score.

    Raises
    ------
    ValueError
        When there is no host.
    """
    if hosts < 1:
        raise ValueError("clusters need at least one host")
    return max(range(hosts), key=lambda host: (_score(cluster_id, host), host))


def _score(cluster_id: str, host: int) -> bytes:
    return blake2b(f"{host}\n{cluster_id}".encode(), digest_size=8).digest()
