"""The contract: every breach is refused, and the feature named."""

import numpy as np
import pytest

from domain.errors import InputError
from solvers.interruption.contract import V1_0
from solvers.interruption.model import sample_rows

NAMES = list(V1_0.names)


def test_names_of_the_contract_are_unique_and_have_a_meaning() -> None:
    assert len(set(NAMES)) == len(NAMES)
    assert all(feature.meaning and " " not in feature.name for feature in V1_0.features)
    assert V1_0.horizons_h == (1, 4, 12)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (NAMES[:-1], "accelerators: is missing"),
        ([*NAMES, "moon_phase"], "moon_phase: is not a feature"),
        ([NAMES[1], NAMES[0], *NAMES[2:]], "since_drop_h: is column 0, where contract v1.0 has age_h"),
        ([*NAMES, NAMES[0]], "has 44 features|has 43 features|has 42 features|has 41 features|has 40 features"),
    ],
)
def test_other_features_are_refused_by_name(names: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        V1_0.check_names(names, of="upload")


@pytest.mark.parametrize(
    ("feature", "value", "said"),
    [
        ("age_h", np.nan, "age_h: is NaN"),
        ("availability_1h", 1.5, "availability_1h: is 1.5, outside 0..1 share"),
        ("weekday", 7, "weekday: is 7, outside 0..6"),
        ("hazard_6h", -0.5, "hazard_6h: is -0.5"),
        ("hour", np.inf, "hour: is inf"),
    ],
)
def test_a_value_outside_its_range_is_refused_by_name(feature: str, value: float, said: str) -> None:
    rows = sample_rows(V1_0)
    rows[3, V1_0.index(feature)] = value
    with pytest.raises(InputError, match=said):
        V1_0.check_rows(rows)


def test_rows_of_another_width_are_refused() -> None:
    with pytest.raises(InputError, match="shape"):
        V1_0.check_rows(sample_rows(V1_0)[:, :-1])


@pytest.mark.parametrize("value", [np.nan, -0.1, 1.1, np.inf])
def test_an_output_that_is_no_probability_is_refused(value: float) -> None:
    output = np.full((4, 3), 0.5)
    output[2, 1] = value
    with pytest.raises(InputError, match="in row 2 at 4 h"):
        V1_0.check_output(output, of="model")


def test_an_output_without_all_horizons_is_refused() -> None:
    with pytest.raises(InputError, match="one column for"):
        V1_0.check_output(np.full((4, 2), 0.5), of="model")
