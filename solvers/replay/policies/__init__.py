"""Policies to compare with, each a small class that stands on the simulated cluster alone."""
