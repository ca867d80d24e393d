"""The HTTP gateway: one ASGI application that answers portal and agents, and nothing of Ray but its deployment."""
