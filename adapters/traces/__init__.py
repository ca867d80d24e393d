"""Readers of recorded traces: files in, values of `solvers.interruption` or plain arrays out."""
