"""Features of pools as the platform sees them."""

from datetime import timedelta

import numpy as np
import pytest

from actors.scoring.store import TICK_S, AdvisedPool, FeatureStore, compressed
from adapters.postgres.ids import new_id
from domain.commands import EvidenceKind
from domain.market import Pool
from domain.work import PoolEvidence
from solvers.interruption.contract import V1_0
from tests.unit.scoring.world import ADVISED, CLUSTER, M5, ORGANIZATION, P3, P3_NEXT_DOOR, START


def seen(pool: Pool, minutes: float, *, known: bool = True, kind: str = "interruption") -> PoolEvidence:
    return PoolEvidence(
        id=new_id(), organization_id=ORGANIZATION, cluster_id=CLUSTER, pool=pool, kind=EvidenceKind(kind),
        instance_id="i-1", known=known, at=START + timedelta(minutes=minutes),
    )  # fmt: skip


def feature(store: FeatureStore, name: str) -> list[float]:
    return [float(value) for value in store.rows()[:, V1_0.index(name)]]


def test_an_interruption_takes_a_pool_down_for_half_an_hour() -> None:
    store = FeatureStore(ADVISED, start=START)
    store.observe([seen(P3, 15), seen(P3, 15)])
    assert store.drops().tolist() == [0, 1, 0]
    store.step_to(START + timedelta(minutes=30), prices={})
    assert store.state.last_up.tolist() == [True, False, True]
    assert store.drops().tolist() == [0, 1, 0]
    assert feature(store, "sibling_up") == [pytest.approx(np.nan, nan_ok=True), 1.0, 0.0]
    store.step_to(START + timedelta(hours=2), prices={})
    assert store.state.last_up.all()
    assert store.drops().tolist() == [0, 1, 0]


def test_what_an_organisation_could_invent_or_says_little_moves_no_feature() -> None:
    store = FeatureStore(ADVISED, start=START)
    store.observe([seen(P3, 5, known=False), seen(M5, 5, kind="rebalance")])
    store.step_to(START + timedelta(minutes=20), prices={})
    assert store.drops().sum() == 0


def test_a_storm_is_one_drop_and_two_storms_are_two_also_after_an_absence() -> None:
    store = FeatureStore(ADVISED, start=START)
    store.observe([seen(P3, at) for at in (10, 20, 35, 200)])
    store.step_to(START + timedelta(hours=6), prices={})
    assert store.drops().tolist() == [0, 2, 0]


def test_hours_count_only_where_somebody_runs_a_node() -> None:
    store = FeatureStore(ADVISED, start=START)
    store.used([M5, Pool(region="moon-1", zone_id="x", instance_type="m5.large")], at=START)
    store.step_to(START + timedelta(hours=3), prices={})
    assert store.up_h.tolist() == [pytest.approx(4 / 6), 0, 0]
    assert store.in_use(START).tolist() == []


def test_prices_reach_the_features() -> None:
    store = FeatureStore(ADVISED, start=START)
    for minutes in range(10, 60 * 26, 10):
        price = 1_000_000 if minutes < 60 * 25 else 2_000_000
        store.step_to(START + timedelta(minutes=minutes), prices={P3: price})
    assert feature(store, "price_change_24h")[1] == pytest.approx(1.0)
    assert np.isnan(feature(store, "price_level")[0])


def test_a_stored_state_goes_on_for_the_pools_of_now() -> None:
    store = FeatureStore(ADVISED, start=START)
    store.observe([seen(P3, 25)])
    store.used([P3_NEXT_DOOR], at=START + timedelta(minutes=20))
    store.step_to(START + timedelta(minutes=40), prices={})
    new = AdvisedPool(
        pool=Pool(region="us-east-1", zone_id="use1-az3", instance_type="p3.2xlarge"), accelerators=1, bucket=1
    )
    now = START + timedelta(minutes=41)
    read = FeatureStore.unpacked(compressed(store.arrays()), (ADVISED[2], new, ADVISED[1]), now=now)
    assert read.next_tick_at == store.next_tick_at
    assert read.drops().tolist() == [0, 0, 1]
    assert read.up_h.tolist() == [store.up_h[2], 0, 0]
    read.step_to(START + timedelta(minutes=50), prices={})
    store.step_to(START + timedelta(minutes=50), prices={})
    assert read.state.last_up.tolist() == [True, True, False]
    assert read.up_h[0] == store.up_h[2] > 0


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 no archive"], ids=["empty", "damaged"])
def test_a_state_that_cannot_be_read_is_begun_anew(data: bytes) -> None:
    assert FeatureStore.unpacked(data, ADVISED, now=START).next_tick_at == START


def test_a_state_that_is_too_old_is_begun_anew() -> None:
    store = FeatureStore(ADVISED, start=START)
    store.step_to(START + timedelta(seconds=TICK_S), prices={})
    late = START + timedelta(days=9)
    assert FeatureStore.unpacked(compressed(store.arrays()), ADVISED, now=late).next_tick_at == late
