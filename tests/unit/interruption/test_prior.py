"""The prior: from the advisor's buckets to rates, and what evidence does to them."""

import numpy as np
import pytest

from domain.errors import InputError
from solvers.interruption.contract import V1_0
from solvers.interruption.model import Evidence, prepare, prior_scores, sample_rows, score_pools
from solvers.interruption.model_file import parse_model
from solvers.interruption.prior import Advised, fit_prior, hazard_per_h
from tests.unit.interruption.make import PER_MONTH, model_text, pool, prior

ONE = np.array([0.001])


def told(drops: float, up_h: float) -> np.ndarray:
    evidence = np.array([drops]), np.array([up_h])
    return prior().predict(ONE, drops=evidence[0], up_h=evidence[1], horizons_h=(1, 4, 12))[0]


def test_a_rate_gives_back_the_probability_of_a_month() -> None:
    assert 1 - np.exp(-730 * hazard_per_h(0.125)) == pytest.approx(0.125)


def test_without_evidence_the_mean_rate_speaks() -> None:
    assert told(0, 0)[0, 0] == pytest.approx(0.001, rel=0.01)


def test_drops_raise_the_risk_and_quiet_hours_lower_it() -> None:
    assert told(3, 10)[0, 0] > told(0, 0)[0, 0] > told(0, 1_000)[0, 0]


def test_much_evidence_overrules_the_advisor_and_narrows_the_interval() -> None:
    probability, low, high = told(500, 1_000)[0]
    assert probability == pytest.approx(1 - np.exp(-0.25), abs=0.05)
    assert high - low < 0.05
    assert low < probability < high


def test_levels_are_weighted_by_what_they_told_of_the_next_snapshot() -> None:
    random = np.random.default_rng(0)
    first = [
        Advised(region=f"r{i % 4}", instance_type=f"f{i % 7}.s{i}", bucket=int(random.integers(5))) for i in range(400)
    ]
    noise = [Advised(region=e.region, instance_type=e.instance_type, bucket=int(random.integers(5))) for e in first]
    lasting = fit_prior([first, first], interruption_per_month=PER_MONTH)
    fading = fit_prior([first, noise], interruption_per_month=PER_MONTH)
    assert lasting.weights[0] == pytest.approx(1.0, abs=1e-6)
    assert fading.weights[0] < 0.2
    assert fading.mean_per_h(bucket=4, family="f1", region="r1") < lasting.mean_per_h(
        bucket=4, family="f1", region="r1"
    )


def test_a_pool_of_which_nothing_is_known_is_average() -> None:
    assert prior().mean_per_h(bucket=None, family="x9", region="moon-1") == pytest.approx(prior().overall_per_h)


def test_pools_of_other_families_and_pools_hardly_watched_are_told_by_the_prior() -> None:
    model = parse_model(model_text().encode(), of="m")
    pools = [pool(), pool(instance_type="m5.large"), pool()]
    evidence = Evidence(bucket=[4, 0, None], drops=np.zeros(3), up_h=np.array([100.0, 100.0, 1.0]))
    scores = score_pools(model, pools, sample_rows(V1_0)[:3], evidence=evidence)
    assert scores.by_prior.tolist() == [False, True, True]
    prepared = prepare(model, pools, evidence.bucket)
    by_prior = prior_scores(prepared, drops=evidence.drops, up_h=evidence.up_h).probability
    np.testing.assert_array_equal(scores.probability[1:], by_prior[1:])
    assert scores.probability[1, 0] < 0.001


def test_rows_that_break_the_contract_are_not_scored() -> None:
    model = parse_model(model_text().encode(), of="m")
    rows = sample_rows(V1_0)[:1]
    rows[0, 0] = np.nan
    evidence = Evidence(bucket=[None], drops=np.zeros(1), up_h=np.full(1, 10.0))
    with pytest.raises(InputError, match="age_h: is NaN"):
        score_pools(model, [pool()], rows, evidence=evidence)
    with pytest.raises(InputError, match="one row for each"):
        score_pools(model, [pool(), pool()], rows, evidence=evidence)


def test_evidence_below_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="negative"):
        told(-1, 0)
