"""Long-lived state: one actor in meaning for every customer cluster, the risk registry, the event loop, the clock.

The inside of an actor is a pure state machine; a thin file makes it live. Imports ``solvers``, ``adapters`` and
``domain``, never ``serve``. Empty until the service arrives: planning one cluster needs no state.
"""
