"""The market in motion: recorded ends of capacity and recorded moves of prices."""

from itertools import pairwise

from demo.aws.market import Market
from demo.market import Capacity, prices, tapes
from domain.market import Pool

POOLS = [
    Pool(region="us-east-1", zone_id=f"use1-az{n}", instance_type=t)
    for n in (1, 2, 4)
    for t in ("m5.large", "c5.large")
]


def test_each_pool_has_room_at_first_and_the_ends_come_one_after_another() -> None:
    capacity = Capacity(first_h=0.2, next_h=0.3)
    ends = []
    for place, pool in enumerate(POOLS):
        assert capacity.is_up(pool, 0.0)
        lead = 0.2 + place * 0.3
        assert capacity.is_up(pool, lead - 0.01)
        assert not capacity.is_up(pool, lead + 0.01)
        ends.append(lead)
    assert all(later > earlier for earlier, later in pairwise(ends))


def test_capacity_comes_back_as_recorded() -> None:
    capacity, pool = Capacity(first_h=0.1, next_h=0.1), POOLS[0]
    states = [capacity.is_up(pool, minute / 60) for minute in range(0, 6_000, 5)]
    assert {True, False} == set(states)
    assert sum(states) > len(states) / 2


def test_recordings_are_whole() -> None:
    assert len(tapes()) == 8
    assert all(tape.length_h > 24 * 20 for tape in tapes())


def test_prices_move_around_those_of_the_catalogue_and_are_the_same_at_the_same_time() -> None:
    calm, now = Market().spot("us-east-1"), prices(["us-east-1"], 100.0)["us-east-1"]
    assert now.keys() == calm.keys()
    ratios = [now[key] / calm[key] for key in calm if calm[key] > 10_000]
    assert 0.6 < min(ratios) < 1 < max(ratios) < 1.6
    assert now == prices(["us-east-1"], 100.0)["us-east-1"]
    assert now != prices(["us-east-1"], 130.0)["us-east-1"]
