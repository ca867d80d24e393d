"""The risk that a plan is made with: the model's where the scorer answers, the catalogue's where it does not."""

import gzip
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import orjson
import pytest

from actors.planning.make import make_plan
from actors.planning.order import PlanAnswer, PlanOrder
from actors.scoring.risk import RegionRisk
from adapters.catalog import load_catalog
from domain.commands import Priority
from domain.delta import ObjectSet
from domain.errors import TransientError
from domain.market import CapacityType, Pool
from domain.policy import Policy

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CLUSTER = UUID(int=1)
EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "web-shop.json.gz"
TOLD = 0.0123


class Scorer:
    """Says the same of all pools; ``away`` while it is."""

    def __init__(self) -> None:
        self.away = False
        self.asked: list[tuple[str, UUID, Sequence[Pool]]] = []

    def __call__(self, region: str, cluster_id: UUID, running: Sequence[Pool]) -> RegionRisk | None:
        self.asked.append((region, cluster_id, running))
        if self.away:
            raise TransientError("the scorer does not answer")
        pools = [offering.pool for offering in load_catalog(region).offerings]
        per_month = {(pool.zone_id, pool.instance_type): TOLD for pool in pools}
        return RegionRisk(region=region, model="v9", per_month=per_month, notes=("risk by model v9",))


def planned(scorer: Scorer) -> PlanAnswer:
    objects = orjson.loads(gzip.decompress(EXAMPLE.read_bytes()))["items"]
    order = PlanOrder(
        request="r1", cluster=str(CLUSTER), priority=Priority.ROUTINE, objects=ObjectSet.of(objects).to_bytes(),
        observed_at=NOW, policy=Policy(), generation=1, parent=None, time_limit_s=0.2, ordered_at=NOW,
    )  # fmt: skip
    return make_plan(order, ask_risk=scorer)


@pytest.mark.parametrize("away", ["there", "away"])
def test_a_plan_takes_the_models_risk_and_is_made_without_it_while_the_scorer_is_away(away: str) -> None:
    scorer = Scorer()
    scorer.away = away == "away"
    answer = planned(scorer)
    assert answer.plan is not None, answer.failure
    told = {node.interruption_per_month for node in answer.plan.nodes if node.capacity_type is CapacityType.SPOT}
    assert told
    assert (told == {TOLD}) == (away == "there")
    assert ("risk by model v9" in answer.plan.notes) == (away == "there")
    (asked,) = scorer.asked
    assert asked[1] == CLUSTER
    assert all(pool.region == asked[0] for pool in asked[2])
