"""WebSockets: agents, portal pages, admin consoles."""
