"""The conversation with the service, as ``docs/agent-protocol.md`` tells it: what waits is kept, what fails is sorted."""
