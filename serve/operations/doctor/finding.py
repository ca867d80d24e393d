"""One result of an examination."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    """It starts, and something may go wrong later."""
    FAILURE = "failure"
    """It does not start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was looked at, what was found, and what to do where that is not good."""

    check: str
    verdict: Verdict
    found: str
    advice: str = ""

    def __post_init__(self) -> None:
        if (self.verdict is Verdict.OK) == bool(self.advice):
            raise ValueError(f"{self.check}: advice goes with what is not ok, and with nothing else")


def ok(check: str, found: str) -> Finding:
    """Nothing to do."""
    return Finding(check=check, verdict=Verdict.OK, found=found)


def warning(check: str, found: str, advice: str) -> Finding:
    """Better changed."""
    return Finding(check=check, verdict=Verdict.WARNING, found=found, advice=advice)


def failure(check: str, found: str, advice: str) -> Finding:
    """Must be changed."""
    return Finding(check=check, verdict=Verdict.FAILURE, found=found, advice=advice)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """From which amount on something is good, and below which it cannot work."""

    good: float
    least: float

    def __post_init__(self) -> None:
        if self.least > self.good:
            raise ValueError("what cannot work is below what is good")


def judged(check: str, amount: float, bounds: Bounds, *, shown: Callable[[float], str], advice: str) -> Finding:
    """A finding about an amount of which more is better."""
    found = shown(amount)
    if amount >= bounds.good:
        return ok(check, found)
    told = f"{advice} (good from {shown(bounds.good)})"
    if amount >= bounds.least:
        return warning(check, found, told)
    return failure(check, found, f"{advice} (at least {shown(bounds.least)}, good from {shown(bounds.good)})")
