"""What every suite shares: Hypothesis profiles and the folder of public data."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent

# The default draws the same examples on every run, so that a red test is about the change. HYPOTHESIS_PROFILE=thorough
# draws new ones, many more, and keeps what it finds in .hypothesis.
settings.register_profile(
    "ci", derandomize=True, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("thorough", parent=settings.get_profile("ci"), derandomize=False, max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(scope="session")
def public_data() -> Path:
    """The folder of public data (SPOTOPT_DATA, else ../shared/data); leaves the test out where it is missing."""
    folder = Path(os.environ.get("SPOTOPT_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"the public data is not at {folder}; SPOTOPT_DATA names its folder")
    return folder
