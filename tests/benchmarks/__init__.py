"""Benchmarks: what the planner must reach, beside what others reach on the same machine in the same run."""

import os

os.environ.setdefault("RAY_AUTH_MODE", "token")  # read when Ray is imported; a platform asks for its token
