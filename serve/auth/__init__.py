"""Who calls: people by sessions, agents by keys."""
