"""The AWS half of the executor: every change idempotent, dry-runnable, and put before a permit."""
