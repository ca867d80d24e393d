"""Planning for the platform: an order in, a checked plan out; a queue in which interruptions never wait for others."""
