"""The Kubernetes API as the agent sees it: one port, the real client, and errors sorted by what to do next."""
