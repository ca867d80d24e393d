"""Twins of the AWS adapters that live in one process; they pass the same tests."""
