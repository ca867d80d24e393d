"""Whose address a request comes from, when proxies of ours stand in between."""

from collections.abc import Collection
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network
IPV6_PREFIX = 64
"""One customer's share of IPv6: limits count it as one address."""


class ProxyTrust:
    """Reads ``X-Forwarded-For`` from the right, as long as each hop is a proxy we trust.

    Parameters
    ----------
    trusted
        Addresses or networks of our proxies.
    """

    def __init__(self, trusted: Collection[str]) -> None:
        self._networks = tuple(ip_network(one, strict=False) for one in trusted)
        self._is_trusted = lru_cache(maxsize=4_096)(self._looked_up)

    def counted(self, address: str) -> str:
        """The name under which an address is limited, empty for a proxy of ours: it stands for nobody in particular."""
        return "" if self._is_trusted(address) else counted_as(address)

    def client(self, peer: str, forwarded_for: str) -> str:
        """The nearest address that is no proxy of ours; ``peer`` is who opened the connection."""
        address = peer
        for hop in reversed(forwarded_for.split(",") if forwarded_for else ()):
            if not self._is_trusted(address):
                break
            address = hop.strip()
        return address

    def _looked_up(self, address: str) -> bool:
        try:
            parsed = ip_address(address)
        except ValueError:
            return address == ""  # a unix socket has no address: only a local proxy reaches it
        return any(parsed.version == network.version and parsed in network for network in self._networks)


@lru_cache(maxsize=16_384)
def counted_as(address: str) -> str:
    """The name under which an address is limited: a whole /64 for IPv6, ``unknown`` for what is no address."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return "unknown"
    if parsed.version == 4:
        return address
    mapped = parsed.ipv4_mapped
    return str(mapped) if mapped else str(ip_network((int(parsed), IPV6_PREFIX), strict=False))
