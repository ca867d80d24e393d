"""Interruption risk of all capacity pools at work: which model serves, what it looks at, what planning is told."""
