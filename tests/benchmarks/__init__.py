"""Benchmarks: what the planner must reach, beside what others reach on the same machine in the same run."""
