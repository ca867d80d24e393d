"""How the scorer says that it stands, to those who look after the platform."""

from dataclasses import replace
from datetime import timedelta

import pytest

from actors.scoring.standing import Drift, ScorerStanding
from domain.lab import ModelRound, ModelStatus
from solvers.interruption.drift import outcome_of
from tests.unit.scoring.world import START, ScoringWorld, text_of

WELL = ScorerStanding(
    process=1, model="v2", by_trees=True, registered_at=START, read_at=START, others=1, broken=(), ticked_at=START,
    now=START, pools=3, in_use=2, drift=Drift(features={"age_h": 0.4, "hour": 0.1}, rounds=7),
)  # fmt: skip


def test_it_names_the_model_since_when_and_what_has_moved_most() -> None:
    assert WELL.ails == ""
    assert WELL.sentence == "model v2 of 2026-05-01, read 12:00:00; age_h has moved most (0.40, drifted)"
    assert (WELL.figures["drift_most"], WELL.figures["pools_in_use"], WELL.figures["models_beside"]) == (0.4, 2, 1)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"broken": ("v2",)}, "v2 breaks its contract: the prior serves in its place"),
        ({"now": START + timedelta(minutes=31)}, "features stand still since 2026-05-01 12:00 UTC"),
        (
            {"drift": Drift(rounds=7, drops=10, log_loss=0.5, log_loss_of_the_mean=0.3)},
            "worse than its mean rate would, over 7",
        ),
    ],
    ids=["broken", "late", "worse"],
)
def test_what_ails_it_comes_first(changes: dict[str, object], told: str) -> None:
    standing = replace(WELL, **changes)
    assert told in standing.ails
    assert standing.sentence.startswith(standing.ails)


def test_a_model_is_not_blamed_before_enough_was_lost() -> None:
    assert replace(WELL, drift=Drift(rounds=7, drops=9, log_loss=0.5, log_loss_of_the_mean=0.3)).ails == ""


def test_what_is_not_known_yet_is_said() -> None:
    assert replace(WELL, drift=Drift(), registered_at=None).sentence == "model v2, read 12:00:00; drift not known yet"


async def test_the_service_tells_the_drift_of_the_model_in_production(world: ScoringWorld) -> None:
    model = await world.add_model("v2", text_of(0.0), status=ModelStatus.PRODUCTION)
    await world.scoring.start()
    assert await world.scoring.drift() == Drift()
    spoken = ModelRound(
        model_id=model.id, decided_at=START, due_at=START + timedelta(hours=1), pools=2, body=b"x",
        features={"age_h": 0.3},
    )  # fmt: skip
    outcome = outcome_of(world.scoring.store.up_h[:2] + 0.5, world.scoring.store.up_h[:2] > 0)
    async with world.services.database.platform() as tx:
        await tx.lab.add_round(spoken)
        await tx.lab.resolve_round(replace(spoken, outcome=outcome, resolved_at=START + timedelta(hours=1)))
    drift = await world.scoring.drift()
    assert (drift.rounds, drift.worst) == (1, ("age_h", 0.3))
    assert (drift.drops, drift.excess) == (0, 0)
    standing = await world.scoring.standing(drift)
    assert (standing.model, standing.pools, standing.broken) == ("v2", 3, ())
    assert standing.ticked_at <= standing.now


async def test_a_model_that_breaks_its_contract_ails(world: ScoringWorld) -> None:
    await world.add_model("bad", b"no model", status=ModelStatus.PRODUCTION)
    await world.scoring.start()
    standing = await world.scoring.standing(Drift())
    assert (standing.by_trees, standing.broken) == (False, ("bad",))
