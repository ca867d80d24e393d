"""Moved to `demo.aws.prefilled`: import it from there."""

from demo.aws.prefilled import *  # noqa: F403
