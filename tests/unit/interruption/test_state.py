"""The state behind the features: stored and read again, and carried to another list of pools."""

import io

import numpy as np
import pytest

from solvers.interruption.features import features
from solvers.interruption.history import SeenPool
from solvers.interruption.state import FeatureState
from tests.unit.interruption.make import flicker, history


def stepped(up: np.ndarray, price: np.ndarray | None = None) -> FeatureState:
    made = history(up)
    state = FeatureState(made.pools, tick_s=made.tick_s, start=made.start)
    for tick in range(made.ticks):
        state.step(made.up[:, tick], price=None if price is None else price[:, tick])
    return state


def through_a_file(state: FeatureState) -> FeatureState:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **state.packed())
    with np.load(io.BytesIO(buffer.getvalue()), allow_pickle=False) as arrays:
        return FeatureState.unpacked({name: arrays[name] for name in arrays.files})


@pytest.mark.parametrize("ticks", [5, 200, 1_150], ids=["young", "grown", "older than all windows"])
def test_a_state_that_was_stored_goes_on_as_if_it_had_not_been(ticks: int) -> None:
    up = flicker(ticks + 40)
    price = np.random.default_rng(1).uniform(0.5, 2.0, up.shape)
    state = through_a_file(stepped(up[:, :ticks], price[:, :ticks]))
    for tick in range(ticks, ticks + 40):
        state.step(up[:, tick], price=price[:, tick])
    np.testing.assert_array_equal(state.rows(), features(history(up, price_usd_per_h=price), since=ticks + 39)[:, 0])


def test_pools_keep_their_past_in_another_list_and_new_ones_count_as_always_up() -> None:
    up = flicker(300)
    state = stepped(up)
    new = SeenPool(region="eu-west-1", zone="eu-west-1a", instance_type="p3.2xlarge", accelerators=1)
    carried = state.carried_to([state.pools[2], new, state.pools[0]])
    both = history(np.stack([up[2], np.ones(300, dtype=bool), up[0]]), zones=("us-west-2a", "eu-west-1a", "us-east-1a"))
    np.testing.assert_allclose(carried.rows(), features(both, since=299)[:, 0], rtol=1e-6)


def test_a_state_of_another_kind_is_refused() -> None:
    packed = stepped(flicker(5)).packed()
    with pytest.raises(ValueError, match="no state"):
        FeatureState.unpacked({name: value for name, value in packed.items() if name != "shares"})
    with pytest.raises(ValueError, match="shape"):
        FeatureState.unpacked(packed | {"counts": np.zeros((2, 2))})
