"""Checks that stored records share: each names the field and what would be right."""

from datetime import datetime, timedelta


def require_utc(**moments: datetime | None) -> None:
    """Refuse times that are not UTC; absent ones are fine.

    Raises
    ------
    ValueError
        Names the first such field.
    """
    for name, moment in moments.items():
        if moment is not None and moment.utcoffset() != timedelta(0):
            raise ValueError(f"{name} must be UTC, not {moment.isoformat()}")


def require_after(later: datetime, earlier: datetime, *, what: str) -> None:
    """Refuse a time that does not lie after another one; ``what`` says which: ``"expires_at after created_at"``."""
    if later <= earlier:
        raise ValueError(f"must lie in order: {what}")


def require_digest(name: str, digest: bytes) -> None:
    """Refuse what cannot be a SHA-256 digest."""
    if len(digest) != 32:
        raise ValueError(f"{name} must be the 32 bytes of a SHA-256 digest, not {len(digest)}")
