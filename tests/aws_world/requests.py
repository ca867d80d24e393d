"""Moved to `demo.aws.requests`: import it from there."""

from demo.aws.requests import *  # noqa: F403
