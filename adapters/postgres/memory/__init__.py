"""The database in memory, for unit tests: the same answers as PostgreSQL gives, and as little else as possible."""

from adapters.postgres.memory.database import MemoryDatabase

__all__ = ["MemoryDatabase"]
