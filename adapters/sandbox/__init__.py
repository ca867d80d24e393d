"""A place to read what strangers send: a process of its own that can do nothing but compute, and not for long."""
