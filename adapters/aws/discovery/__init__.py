"""Discovery (WORK-DISC-01): what runs in an account, and what has changed since the last look."""
