"""The carried model and the readers on the public recordings, where they are."""

from pathlib import Path

from adapters.traces.skypilot import read_recordings
from adapters.traces.tables import read_advisor, read_lifetimes


def test_the_recordings_are_read_as_they_are_described(public_data: Path) -> None:
    found = {each.name.rpartition("/")[2]: each for each in read_recordings(public_data / "skypilot_spot_traces")}
    main = found["aws-02-15-2023"]
    assert main.up.shape == (9, 12_094)
    assert main.tick_s == 195
    assert {each.instance_type for each in main.series} == {"p3.2xlarge"}
    assert found["aws-10-26-2022"].up.shape == (8, 3_895)


def test_lifetimes_tell_interruptions_from_stops(public_data: Path) -> None:
    lives = read_lifetimes(public_data / "gcp_preemptible_2019" / "gcp_preemptible_lifetimes.csv.gz")
    assert lives.hours.size == 1_442
    assert int(lives.preempted.sum()) == 717


def test_snapshots_of_the_advisor_come_oldest_first(public_data: Path) -> None:
    snapshots = read_advisor(public_data / "aws_spot_advisor")
    assert [each.date for each in snapshots] == ["2021-02", "2024-02", "2025-06"]
    assert len(snapshots[0].rows) == 4_255
