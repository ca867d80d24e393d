"""Signed actions: verified, carried out or rehearsed, and reported. `dispatcher.Actions` is the agent's actuator."""
