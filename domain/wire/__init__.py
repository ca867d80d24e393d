"""What travels between the service and the agents: Pydantic models, strict and bounded, and how they become our values.

``docs/agent-protocol.md`` tells the protocol message by message. Nothing here opens a connection.
"""
