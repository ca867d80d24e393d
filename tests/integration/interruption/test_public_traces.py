"""The carried model and the readers on the public recordings, where they are."""

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from adapters.traces.model_text import read_model_text
from adapters.traces.skypilot import read_recordings
from adapters.traces.tables import read_advisor, read_lifetimes
from solvers.interruption.features import features
from solvers.interruption.history import History, SeenPool
from solvers.interruption.model import score_rows
from solvers.interruption.model_file import MAX_BYTES, parse_model


def test_the_recordings_are_read_as_they_are_described(public_data: Path) -> None:
    found = {each.name.rpartition("/")[2]: each for each in read_recordings(public_data / "skypilot_spot_traces")}
    main = found["aws-02-15-2023"]
    assert main.up.shape == (9, 12_094)
    assert main.tick_s == 195
    assert {each.instance_type for each in main.series} == {"p3.2xlarge"}
    assert found["aws-10-26-2022"].up.shape == (8, 3_895)


def test_a_recording_keeps_its_hours_under_another_name_and_a_part_of_it_has_none(
    public_data: Path, tmp_path: Path
) -> None:
    source = public_data / "skypilot_spot_traces" / "availability" / "1-node" / "aws-02-15-2023"
    for name in ("us-west-2a_v100_1.json", "us-east-1d_v100_1.json"):
        content = json.loads((source / name).read_text())
        for folder, data in (("renamed", content["data"]), ("later", content["data"][6_000:])):
            (tmp_path / folder).mkdir(exist_ok=True)
            (tmp_path / folder / name).write_text(json.dumps(content | {"data": data}))
    later, renamed = read_recordings(tmp_path)
    assert renamed.start == datetime(2023, 2, 15, 22, 15, tzinfo=UTC)
    assert later.start is None


def test_cutting_the_future_away_changes_no_score_of_the_recordings(public_data: Path) -> None:
    (recording,) = read_recordings(public_data / "skypilot_spot_traces" / "availability" / "1-node" / "aws-10-26-2022")
    pools = tuple(SeenPool(region=s.region, zone=s.zone, instance_type=s.instance_type) for s in recording.series)
    history = History(name="whole", pools=pools, up=recording.up, tick_s=recording.tick_s, start=recording.start)
    model, whole = parse_model(read_model_text(most_bytes=MAX_BYTES)[0], of="the carried model"), features(history)
    for cut in (700, 2_345, 3_800):
        known = features(history.until(cut), since=cut - 1)[:, 0]
        np.testing.assert_array_equal(
            score_rows(model, known).probability, score_rows(model, whole[:, cut - 1]).probability
        )


def test_lifetimes_tell_interruptions_from_stops(public_data: Path) -> None:
    lives = read_lifetimes(public_data / "gcp_preemptible_2019" / "gcp_preemptible_lifetimes.csv.gz")
    assert lives.hours.size == 1_442
    assert int(lives.preempted.sum()) == 717


def test_snapshots_of_the_advisor_come_oldest_first(public_data: Path) -> None:
    snapshots = read_advisor(public_data / "aws_spot_advisor")
    assert [each.date for each in snapshots] == ["2021-02", "2024-02", "2025-06"]
    assert len(snapshots[0].rows) == 4_255
