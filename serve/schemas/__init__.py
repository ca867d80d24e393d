"""Shapes read and written at the edge, as Pydantic models."""
