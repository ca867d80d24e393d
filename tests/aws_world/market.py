"""Moved to `demo.aws.market`: import it from there."""

from demo.aws.market import *  # noqa: F403
