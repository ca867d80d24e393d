"""The bus: what all processes tell each other and share, in Redis or, in unit tests, in memory.

``ports`` are the interfaces, ``memory`` the twins, the other modules the real ones; ``keys`` is the one place that
names keys and channels. Nothing that must survive lives only in publish and subscribe (docs/bus.md).
"""
