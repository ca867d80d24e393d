"""What the planner expects of large losses, against what pools of a generated market do."""

import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from domain.co_interruption import TYPE_SHOCK, ZONE_SHOCK, Shock
from domain.units import HOURS_PER_MONTH
from solvers.placement.risk import Exposure
from solvers.replay.generator import Bursts, Generator, Spans
from solvers.replay.market import SECONDS_PER_H

MONTHS = 4_000
RATE_PER_H = 0.3 / HOURS_PER_MONTH


def falls_at_once(made: Generator, pools: int) -> Counter[float]:
    """How many pools of a group fell at each moment."""
    horizon_s = MONTHS * HOURS_PER_MONTH * SECONDS_PER_H
    tapes = made.tapes([0] * pools, horizon_s=horizon_s, rng=np.random.default_rng(1))
    return Counter(
        at
        for times, capacity in tapes
        for (was, now), at in zip(pairwise(capacity), times[1:], strict=True)
        if was and not now and at < horizon_s
    )


@pytest.mark.parametrize(
    ("shock", "names"),
    [(TYPE_SHOCK, ["a in x", "a in y", "a in z"]), (ZONE_SHOCK, ["a in x", "b in x", "c in x"])],
    ids=["type", "zone"],
)
def test_as_much_is_lost_at_once_as_was_to_be_expected(shock: Shock, names: list[str]) -> None:
    """A market whose pools fall together as assumed: more than half of three goes as often as the planner says."""
    made = Generator(
        up=Spans(mean_h=1 / (RATE_PER_H * (1 - shock.share))),
        down=Spans(mean_h=1.0),
        bursts=Bursts(per_h=RATE_PER_H * shock.share / shock.takes, share=shock.takes),
    )
    assert made.failures_per_h == pytest.approx(RATE_PER_H)
    loss = -math.expm1(-RATE_PER_H * HOURS_PER_MONTH)
    fleet = Exposure(vcpus=6, spot=dict.fromkeys(names, 2), loss=dict.fromkeys(names, loss))
    expected = -math.log1p(-fleet.loss_probability(0.5)) * MONTHS
    happened = sum(pools > 1.5 for pools in falls_at_once(made, 3).values())
    assert happened == pytest.approx(expected, abs=3 * math.sqrt(expected))
    assert expected > 100
