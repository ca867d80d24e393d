"""Moved to `demo.aws`."""
