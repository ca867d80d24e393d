"""Where clusters live: which host has which cluster, and how a cluster is woken, used and put to sleep."""
