"""Generators of the clusters that the benchmarks plan."""
