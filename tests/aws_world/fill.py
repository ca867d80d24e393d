"""Moved to `demo.aws.fill`: import it from there."""

from demo.aws.fill import *  # noqa: F403
