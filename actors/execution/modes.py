"""Whether a plan may begin: shown only, once approved, or at once; and until when."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from actors.cluster.records import Mode
from domain.saga import SagaSpec


class Verdict(StrEnum):
    """What becomes of a plan now."""

    BEGIN = "begin"
    WAIT = "wait"
    SHOW = "show"
    STALE = "stale"


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """The verdict and a sentence; ``goes_stale_at`` is when waiting ends."""

    verdict: Verdict
    text: str
    goes_stale_at: datetime


def admit(spec: SagaSpec, mode: Mode, *, approved_at: datetime | None, now: datetime) -> Admission:
    """Judge a plan by the mode of its cluster. An approval given after it went stale is none."""
    stale_at = spec.stale_at
    when = f"{stale_at:%Y-%m-%d %H:%M:%S} UTC"
    if now > stale_at:
        verdict, text = Verdict.STALE, f"it went stale at {when}: plan anew"
    elif mode is Mode.RECOMMEND:
        verdict, text = Verdict.SHOW, "it is recommended and not carried out"
    elif mode is Mode.AUTOMATIC or approved_at is not None:
        verdict, text = Verdict.BEGIN, "it is carried out"
    else:
        verdict, text = Verdict.WAIT, f"it waits for approval until {when}"
    return Admission(verdict=verdict, text=text, goes_stale_at=stale_at)
