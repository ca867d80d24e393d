"""Kubernetes API JSON, from files or from a live cluster, into `domain.snapshot.Snapshot`."""
