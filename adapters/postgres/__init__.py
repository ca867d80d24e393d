"""What is kept for good: PostgreSQL, or, in unit tests, memory.

``ports`` are the interfaces, ``memory`` their twins, ``pool`` and the repositories the real ones, ``sql`` the queries
by name, ``migrations`` the schema (docs/data.md).
"""
