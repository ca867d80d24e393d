"""``spotopt model evaluate`` on folders as people have them: gzipped, renamed, cut, with gaps, of other zones."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from serve.cli.main import run
from tests.integration.interruption.test_model_command import write

FROM = 1_200
Change = Callable[[Path], None]


def judged(folder: Path, capsys: pytest.CaptureFixture[str], *, first: int = FROM) -> tuple[list[dict[str, Any]], str]:
    """Figures of the carried model, and what is noted."""
    code = run(["model", "evaluate", "--traces", str(folder), "--from-tick", str(first), "--json"])
    told = capsys.readouterr()
    assert code == 0, told.err
    return json.loads(told.out)["judged"], told.err


def data_of(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def put(path: Path, data: list[int | None]) -> None:
    path.write_text(json.dumps(data_of(path) | {"data": data}))


def pack(folder: Path) -> None:
    for path in folder.glob("*.json"):
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()


def rename(old: str, new: str) -> Change:
    return lambda folder: (folder / old).rename(folder / new) and None


def keep_one(folder: Path) -> None:
    for path in sorted(folder.glob("*.json"))[1:]:
        path.unlink()


def all_up(folder: Path) -> None:
    for path in folder.glob("*.json"):
        put(path, [1] * len(data_of(path)["data"]))


def end_early(folder: Path) -> None:
    path = folder / "us-east-1b_v100_1.json"
    put(path, data_of(path)["data"][:1_000])


def begin_late(folder: Path) -> None:
    path = folder / "us-east-1b_v100_1.json"
    put(path, [None] * 500 + data_of(path)["data"][500:])


def miss_some(folder: Path) -> None:
    path = folder / "us-east-1a_v100_1.json"
    put(path, [None if 1_500 <= at < 1_520 else one for at, one in enumerate(data_of(path)["data"])])


def many_instances(folder: Path) -> None:
    for path in folder.glob("*.json"):
        put(path, [16 * one for one in data_of(path)["data"]])


CHANGES: dict[str, Change] = {
    "one file": keep_one,
    "a type of its own name": rename("us-east-1a_v100_1.json", "us-east-1a_r5.16xlarge_1.json"),
    "a GPU that nobody lists": rename("us-east-1a_v100_1.json", "us-east-1a_h100_8.json"),
    "capital letters": rename("us-east-1a_v100_1.json", "us-east-1a_V100_1.JSON"),
    "a zone of another cloud": rename("us-east-1a_v100_1.json", "us-central1-a_v100_1.json"),
    "a local zone": rename("us-east-1a_v100_1.json", "us-west-2-lax-1a_v100_1.json"),
    "never down": all_up,
    "a shorter file": end_early,
    "a later file": begin_late,
    "a gap": miss_some,
    "several instances": many_instances,
}


@pytest.mark.parametrize("what", sorted(CHANGES))
def test_a_folder_of_the_format_is_judged_however_it_is_filled(
    what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write(tmp_path / "some-recording")
    CHANGES[what](folder)
    found, _ = judged(folder, capsys)
    assert [each["horizon_h"] for each in found] == [1, 4, 12]
    assert all(each["rows"] > 100 for each in found)


@pytest.mark.parametrize("gap_s", [60, 195, 300.5, 1_800, 3_600])
def test_ticks_may_be_of_any_length_up_to_an_hour(
    gap_s: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found, _ = judged(write(tmp_path / "r", gap_s=gap_s), capsys)
    assert [each["horizon_h"] for each in found] == [1, 4, 12]


@pytest.mark.parametrize("change", [pack, many_instances], ids=["packed", "counted"])
def test_how_states_are_written_changes_no_figure(
    change: Change, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write(tmp_path / "r")
    before, _ = judged(folder, capsys)
    change(folder)
    assert judged(folder, capsys)[0] == before


def test_the_order_of_files_changes_no_figure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write(tmp_path / "r")
    before, _ = judged(folder, capsys)
    a, b, c = (folder / f"us-east-1{letter}_v100_1.json" for letter in "abz")
    a.rename(c), b.rename(a), c.rename(b)
    after, _ = judged(folder, capsys)
    for old, new in zip(before, after, strict=True):
        for name, figure in old["figures"]["model"].items():
            assert new["figures"]["model"][name] == pytest.approx(figure, abs=1e-9)


def test_what_comes_after_the_last_judged_tick_changes_no_score(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A recording that goes on holds the same rows first: those that a cut one was judged on are among them."""
    whole = write(tmp_path / "whole", ticks=1_800)
    cut = write(tmp_path / "cut", ticks=1_800)
    for path in cut.glob("*.json"):
        put(path, data_of(path)["data"][:1_500])
    rows = {name: judged(folder, capsys)[0][0]["rows"] for name, folder in (("whole", whole), ("cut", cut))}
    assert rows["cut"] < rows["whole"]


def test_a_gap_takes_the_decisions_out_whose_outcome_is_not_known(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write(tmp_path / "r")
    before, _ = judged(folder, capsys)
    miss_some(folder)
    after, notes = judged(folder, capsys)
    assert all(new["rows"] < old["rows"] for old, new in zip(before, after, strict=True))
    assert "r lacks 20 of 7200 ticks" in notes


def test_what_cannot_be_read_is_noted_and_recordings_without_rows_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "long")
    write(tmp_path / "short", ticks=300)
    (tmp_path / "long" / "notes.json").write_text("{}")
    _, notes = judged(tmp_path, capsys)
    assert "notes.json is not called like us-east-1a_v100_1.json, and left out" in notes
    assert "short has 300 ticks; none from 1200 on can be judged" in notes


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("us-east-1a_v100_1.json.gz", b"no gzip", "cannot be read: Not a gzipped file"),
        ("us-east-1a_v100_1.json.gz", gzip.compress(b"{" * 100)[:-8], "cannot be read"),
        ("us-east-1a_v100_1.json.gz", gzip.compress(b" " * ((64 << 20) + 1)), "is larger than 64 MiB"),
        ("us-east-1a_v100_1.json", b'{"metadata": {"gap_seconds": 60}, "data": [1, "x"]}', "data.1"),
        ("us-east-1a_v100_1.json", b'{"data": [1, 1]}', "metadata: Field required"),
    ],
    ids=range(5),
)
def test_a_broken_file_is_refused_by_its_name(
    name: str, content: bytes, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_bytes(content)
    assert run(["model", "evaluate", "--traces", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert told in said
    assert name in said


def test_a_series_that_is_there_twice_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write(tmp_path / "r", ticks=50)
    (folder / "us-east-1a_v100_1.json.gz").write_bytes(gzip.compress((folder / "us-east-1a_v100_1.json").read_bytes()))
    assert run(["model", "evaluate", "--traces", str(folder)]) == 2
    assert "holds p3.2xlarge in us-east-1a twice" in capsys.readouterr().err
