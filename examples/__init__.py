"""Example clusters, made by ``python -m examples.make_example``."""
