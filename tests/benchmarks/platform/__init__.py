"""A running platform under load: its customers, their agents, and who measures them."""
