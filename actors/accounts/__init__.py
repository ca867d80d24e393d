"""Customers' AWS accounts: linking, verifying, discovering (WORK-DISC-01), and where their clusters are."""
