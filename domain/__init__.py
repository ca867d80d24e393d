"""Pure shared types of Spot Optimizer: frozen values that validate themselves.

Imports nothing of ours. Everything else (solvers, adapters, actors, serve, agent) speaks in these words.
"""
