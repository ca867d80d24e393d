"""What planning is told of a region."""

from datetime import date, timedelta

import numpy as np
import pytest

from actors.scoring.risk import RegionRisk, with_risk
from actors.scoring.service import ScoringService
from domain.lab import ModelStatus, ModelSwitch
from domain.market import CapacityType, Catalog, Offering, Zone
from tests.unit.scoring.world import ADVISED, CLUSTER, M5, ORGANIZATION, P3, P3_NEXT_DOOR, ScoringWorld, text_of


def month(risk: RegionRisk | None, pool: object) -> float:
    assert risk is not None
    return risk.per_month[pool.zone_id, pool.instance_type]  # type: ignore[attr-defined]


async def test_pools_never_seen_are_told_by_the_advisor_and_the_limits_are_said(world: ScoringWorld) -> None:
    await world.scoring.start()
    risk = world.scoring.risk("us-east-1", cluster_id=CLUSTER)
    assert month(risk, M5) < month(risk, P3_NEXT_DOOR) < month(risk, P3)
    assert risk is not None
    assert "0 by trees" in risk.notes[0]
    assert "scarce GPUs" in risk.notes[1]
    assert world.scoring.risk("moon-1", cluster_id=CLUSTER) is None


async def test_an_interruption_raises_the_risk_of_its_pool(world: ScoringWorld) -> None:
    await world.scoring.start()
    before = month(world.scoring.risk("us-east-1", cluster_id=None), M5)
    await world.saw(M5)
    await world.clock.advance(15)
    await world.scoring.listen()
    assert month(world.scoring.risk("us-east-1", cluster_id=None), M5) > 1.3 * before


async def test_nodes_that_run_for_long_without_an_interruption_lower_the_risk(world: ScoringWorld) -> None:
    await world.scoring.start()
    before = month(world.scoring.risk("us-east-1", cluster_id=CLUSTER, running=[M5]), M5)
    for _ in range(2 * 48):
        world.scoring.risk("us-east-1", cluster_id=CLUSTER, running=[M5])
        await world.later(minutes=30)
    assert month(world.scoring.risk("us-east-1", cluster_id=CLUSTER), M5) < 0.999 * before


@pytest.mark.parametrize(("margin", "times"), [(-6.0, 0.25), (6.0, 4.0)], ids=["calm", "stormy"])
async def test_trees_move_the_prior_of_pools_they_know_by_no_more_than_is_allowed(
    world: ScoringWorld, margin: float, times: float
) -> None:
    body = text_of(margin).replace(
        b'"about": {"recordings": []}', b'"about": {"horizons": {"1": {"calibration_rate": 0.2}}, "recordings": []}'
    )
    await world.add_model("trees", body, status=ModelStatus.PRODUCTION)
    await world.scoring.start()
    for _ in range(14):
        world.scoring.risk("us-east-1", cluster_id=CLUSTER, running=[P3])
        await world.later(minutes=30)
    risk = world.scoring.risk("us-east-1", cluster_id=CLUSTER)
    loaded = (await world.scoring.models.current()).production
    at = world.scoring.pools_of("us-east-1").index(P3)
    scores = world.scoring.score_region("us-east-1", loaded)
    assert scores.by_prior.tolist() == [True, False, True]
    prior = loaded.model.prior.predict(
        np.array([loaded.model.prior.mean_per_h(bucket=4, family="p3", region="us-east-1")]),
        drops=np.zeros(1), up_h=world.scoring.store.up_h[[at]], horizons_h=(730.0,),
    )[0, 0, 0]  # fmt: skip
    assert month(risk, P3) == pytest.approx(1 - (1 - prior) ** times, rel=1e-6)


async def test_a_model_whose_text_is_damaged_leaves_the_prior_to_serve_and_says_so(world: ScoringWorld) -> None:
    await world.add_model("broken", b"\x80\x04 pickle", status=ModelStatus.PRODUCTION)
    await world.scoring.start()
    risk = world.scoring.risk("us-east-1", cluster_id=CLUSTER)
    assert risk is not None
    assert "broken breaks its contract" in risk.notes[0]
    assert 0 < month(risk, M5) < month(risk, P3) < 1


async def test_an_instance_that_was_switched_is_told_by_its_model_alone(world: ScoringWorld) -> None:
    await world.add_model("main", text_of(0.0), status=ModelStatus.PRODUCTION)
    prior = b'"overall_per_h": '
    louder = await world.add_model("louder", text_of(0.0).replace(prior, prior + b"9"))
    switch = ModelSwitch(
        organization_id=ORGANIZATION, cluster_id=CLUSTER, model_id=louder.id, switched_at=world.clock.now(),
        instance_id="i-1", zone_id=P3_NEXT_DOOR.zone_id, instance_type=P3_NEXT_DOOR.instance_type,
    )  # fmt: skip
    async with world.services.database.platform() as tx:
        await tx.models.switch(switch)
    await world.scoring.start()
    mine, others = (world.scoring.risk("us-east-1", cluster_id=one) for one in (CLUSTER, None))
    assert month(mine, P3_NEXT_DOOR) > month(others, P3_NEXT_DOOR)
    assert month(mine, P3) == month(others, P3)


async def test_a_scorer_that_died_goes_on_where_it_was(world: ScoringWorld) -> None:
    await world.scoring.start()
    world.scoring.risk("us-east-1", cluster_id=CLUSTER, running=[M5])
    await world.saw(P3)
    await world.later(minutes=20)
    await world.saw(P3_NEXT_DOOR)
    again = ScoringService(world.services, ADVISED)
    await again.start()
    await world.scoring.listen()
    assert again.store.drops().tolist() == world.scoring.store.drops().tolist() == [0, 1, 1]
    assert again.store.up_h.tolist() == world.scoring.store.up_h.tolist()
    assert again.store.next_tick_at - world.clock.now() <= timedelta(minutes=10)


def test_the_catalogue_takes_the_risk_of_spot_offers_that_are_known() -> None:
    zone = Zone(id="use1-az1", name="us-east-1a")
    wanted = (
        (M5, CapacityType.SPOT, 0.2), (M5, CapacityType.ON_DEMAND, 0.0), (P3, CapacityType.SPOT, 0.3),
    )  # fmt: skip
    offers = tuple(
        Offering(pool=pool, zone=zone, capacity_type=kind, price_usd_per_h=1.0, interruption_per_month=old)
        for pool, kind, old in wanted
    )
    catalog = Catalog(region="us-east-1", as_of=date(2026, 1, 1), types={}, offerings=offers, notes=("a",))
    risk = RegionRisk(region="us-east-1", model="v", per_month={("use1-az1", "m5.large"): 0.04}, notes=("b",))
    told = with_risk(catalog, risk)
    assert [offer.interruption_per_month for offer in told.offerings] == [0.04, 0.0, 0.3]
    assert told.notes == ("a", "b")
    assert with_risk(catalog, None) is catalog
