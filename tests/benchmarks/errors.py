"""Why a benchmark cannot run here."""


class LeftOut(Exception):
    """A benchmark, or one side of it, cannot run on this machine; the message says what is missing."""
