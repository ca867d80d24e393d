"""Moved to `demo.aws.fleets`: import it from there."""

from demo.aws.fleets import *  # noqa: F403
