"""How long instances live: survival with users' own stops counted as the end of watching, not as interruptions."""

from dataclasses import dataclass

import numpy as np

from domain.errors import InputError
from solvers.interruption.contract import Floats, Mask

EDGES_H = (0.0, 1.0, 3.0, 6.0, 12.0, 18.0, 22.0, 24.0)
"""Ages between which the hazard counts as constant. Preemptible instances end at 24 h whatever happens."""
CAP_H = 23.8
"""Ends later than this are the cap of the offer and no shortage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetimes:
    """Lifetimes in hours, whether each ended by preemption, and when it began, in any unit that sorts."""

    hours: Floats
    preempted: Mask
    began: Floats

    def __post_init__(self) -> None:
        if not self.hours.size == self.preempted.size == self.began.size:
            raise InputError("lifetimes", "", "need an end, a cause and a begin each")
        if not self.hours.size or not (self.hours >= 0).all():
            raise InputError("lifetimes", "hours", "must be there and not below 0")

    def where(self, mask: Mask) -> "Lifetimes":
        """Some of them."""
        return Lifetimes(hours=self.hours[mask], preempted=self.preempted[mask], began=self.began[mask])


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Share alive after each time in hours."""

    hours: Floats
    alive: Floats


def kaplan_meier(lives: Lifetimes) -> Curve:
    """Share alive by the product-limit estimate."""
    times = np.unique(lives.hours[lives.preempted])
    at_risk = lives.hours.size - np.searchsorted(np.sort(lives.hours), times, side="left")
    ends = np.sort(lives.hours[lives.preempted])
    died = np.searchsorted(ends, times, side="right") - np.searchsorted(ends, times, side="left")
    alive = np.cumprod(1 - died / at_risk)
    return Curve(hours=np.concatenate([[0.0], times]), alive=np.concatenate([[1.0], alive]))


def hazards_per_h(lives: Lifetimes, *, edges_h: tuple[float, ...] = EDGES_H) -> Floats:
    """Interruptions per hour watched, between the edges; half an interruption is added so that none is impossible."""
    edges = np.array(edges_h)
    watched = np.clip(lives.hours[:, None], edges[:-1], edges[1:]) - edges[:-1]
    inside = (lives.hours[:, None] > edges[:-1]) & (lives.hours[:, None] <= edges[1:]) & lives.preempted[:, None]
    return np.asarray((inside.sum(axis=0) + 0.5) / (watched.sum(axis=0) + 0.5), dtype=np.float64)


def log_likelihood(lives: Lifetimes, hazard_per_h: Floats, *, edges_h: tuple[float, ...]) -> float:
    """Mean log likelihood per lifetime of a hazard that is constant between edges."""
    edges = np.array(edges_h)
    watched = np.clip(lives.hours[:, None], edges[:-1], edges[1:]) - edges[:-1]
    at = np.clip(np.searchsorted(edges, lives.hours, side="left") - 1, 0, hazard_per_h.size - 1)
    return float(np.mean(lives.preempted * np.log(hazard_per_h[at]) - watched @ hazard_per_h))


def uncapped(lives: Lifetimes) -> Lifetimes:
    """The same, with ends at the cap counted as ends of watching."""
    return Lifetimes(hours=lives.hours, preempted=lives.preempted & (lives.hours < CAP_H), began=lives.began)


@dataclass(frozen=True, slots=True, kw_only=True)
class SurvivalReport:
    """What lifetimes tell. Hazards are per hour between `EDGES_H`, with and without the ends at 24 h.

    ``memoryless`` and ``by_age`` are mean log likelihoods of later lifetimes under hazards fitted to earlier ones.
    ``naive_per_h`` takes every end for an interruption.
    """

    instances: int
    preempted: int
    at_cap: int
    curve: Curve
    hazard_per_h: Floats
    hazard_uncapped_per_h: Floats
    memoryless: float
    by_age: float
    mean_per_h: float
    naive_per_h: float


def survival_report(lives: Lifetimes) -> SurvivalReport:
    """Survival, hazards by age, and whether age tells anything of lifetimes that began later."""
    open_ended = uncapped(lives)
    early = lives.began <= np.quantile(lives.began, 0.6)
    before, after = open_ended.where(early), open_ended.where(~early)
    flat = (EDGES_H[0], EDGES_H[-1])
    return SurvivalReport(
        instances=lives.hours.size,
        preempted=int(lives.preempted.sum()),
        at_cap=int((lives.preempted & ~open_ended.preempted).sum()),
        curve=kaplan_meier(lives),
        hazard_per_h=hazards_per_h(lives),
        hazard_uncapped_per_h=hazards_per_h(open_ended),
        memoryless=log_likelihood(after, hazards_per_h(before, edges_h=flat), edges_h=flat),
        by_age=log_likelihood(after, hazards_per_h(before), edges_h=EDGES_H),
        mean_per_h=float(open_ended.preempted.sum() / lives.hours.sum()),
        naive_per_h=float(lives.hours.size / lives.hours.sum()),
    )
