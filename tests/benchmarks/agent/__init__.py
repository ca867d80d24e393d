"""A cluster and a service of a few answers, in a process of their own, for measuring the agent."""
