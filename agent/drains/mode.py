"""Whether the agent changes anything."""

from enum import Enum


class Mode(Enum):
    """Do what is to be done, or only say what would be: dry run, by the customer's or the operator's wish."""

    DO = "do"
    REHEARSE = "rehearse"
