"""Moved to `demo.aws.world`: import it from there."""

from demo.aws.world import *  # noqa: F403
