"""The conversation with the service that ``docs/agent-protocol.md`` tells: errors are sorted, what waits is kept."""
