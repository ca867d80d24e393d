"""Periodic work: one leader at a time, each run claimed in the database, missed runs caught up."""
