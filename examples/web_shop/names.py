"""Names and ids as Kubernetes makes them, the same on every run."""

import hashlib
import uuid

_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""Letters of generated names: none that could form a word."""

ACCOUNT_REGISTRY = "602401143452.dkr.ecr.us-east-1.amazonaws.com"
"""Where EKS keeps the images of its add-ons."""


def suffix(seed: str, length: int) -> str:
    """Generated part of a name."""
    digest = hashlib.sha256(seed.encode()).digest()
    return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest[:length])


def uid(seed: str) -> str:
    """A UUID."""
    return str(uuid.UUID(bytes=hashlib.sha256(seed.encode()).digest()[:16], version=4))


def resource_version(seed: str) -> str:
    """A version of the cluster's store."""
    return str(48_000_000 + int(uid(seed)[:6], 16) % 900_000)


def ip(seed: str, host_ip: str) -> str:
    """A pod address in the subnet of its node."""
    digest = hashlib.sha256(seed.encode()).digest()
    first, second, third, _ = host_ip.split(".")
    return f"{first}.{second}.{third}.{4 + digest[0] % 248}"
