"""``spotopt model`` from files to files, on a small recording of the traces' format."""

import json
from pathlib import Path

import numpy as np
import pytest

from serve.cli.main import run

ZONES = ("us-east-1a", "us-east-1b", "us-west-2a")
TICKS = 2_400
TRAIN = ("model", "train", "--until-tick", "1800")


def write(folder: Path, *, ticks: int = TICKS, gap_s: float = 600) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    for at, zone in enumerate(ZONES):
        states, up = [], 1
        for _ in range(ticks):
            up = int(random.random() > 0.02 * (at + 1)) if up else int(random.random() < 0.1)
            states.append(up)
        content = {"metadata": {"gap_seconds": gap_s}, "data": states}
        (folder / f"{zone}_v100_1.json").write_text(json.dumps(content))
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    root = tmp_path_factory.mktemp("model")
    traces, out = write(root / "aws-01-01-2024"), root / "model.txt"
    assert run([*TRAIN, "--traces", str(traces), "--out", str(out), "--workers", "0"]) == 0
    return traces, out


def test_training_over_ray_gives_the_same_bytes_and_writes_a_card(trained: tuple[Path, Path], tmp_path: Path) -> None:
    traces, out = trained
    again = tmp_path / "again.txt"
    assert run([*TRAIN, "--traces", str(traces), "--out", str(again), "--workers", "2"]) == 0
    assert again.read_bytes() == out.read_bytes()
    card = out.with_suffix(".md").read_text()
    assert "p3.2xlarge in us-east-1a" in card
    assert "What it cannot tell" in card


def test_evaluation_judges_later_rows_against_the_baselines(
    trained: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    traces, out = trained
    arguments = ["model", "evaluate", "--traces", str(traces), "--model", str(out), "--from-tick"]
    assert run([*arguments, "1800", "--json"]) == 0
    judged = json.loads(capsys.readouterr().out)["judged"]
    assert [each["horizon_h"] for each in judged] == [1, 4, 12]
    assert set(judged[0]["figures"]) == {"model", "global rate", "zone rate", "age only", "logistic regression"}
    assert judged[0]["figures"]["model"]["auc"]["value"] > 0.5
    assert judged[0]["notes"] == []
    assert run([*arguments, "1000"]) == 0
    assert "was trained on the first 1800 ticks" in " ".join(capsys.readouterr().out.split())


def test_the_carried_model_judges_any_folder_of_the_format(
    trained: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["model", "evaluate", "--traces", str(trained[0])]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "aws-01-01-2024, 12 h" in shown
    assert "too little before the first judged tick" in shown


def test_the_carried_model_has_its_card(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["model", "card"]) == 0
    carried = Path(__file__).parents[3] / "adapters" / "traces" / "interruption.md"
    assert capsys.readouterr().out == carried.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("us-east-1a_v100_1.json", "{", "Invalid JSON"),
        ("us-east-1a_v100_1.json", '{"metadata": {"gap_seconds": 0}, "data": [1, 1]}', "metadata.gap_seconds"),
        ("us-east-1a_v100_1.json", '{"metadata": {"gap_seconds": 60}, "data": [1, -1]}', "data.1"),
        ("us-east-1a_v100_1.json", '{"metadata": {"gap_seconds": 60}, "data": [1, 1]}', "leaves no rows"),
        ("notes.json", "{}", "holds no traces"),
    ],
)
def test_bad_traces_are_refused_by_file_and_field(
    name: str, content: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_text(content)
    assert run(["model", "evaluate", "--traces", str(tmp_path)]) == 2
    assert said in capsys.readouterr().err


def test_files_of_one_recording_must_tick_alike(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, ticks=50)
    (tmp_path / "us-west-2b_v100_1.json").write_text('{"metadata": {"gap_seconds": 60}, "data": [1, 1]}')
    assert run(["model", "evaluate", "--traces", str(tmp_path)]) == 2
    assert "gap_seconds: differs" in capsys.readouterr().err


def test_a_file_that_is_no_model_is_refused(
    trained: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fake = tmp_path / "model.txt"
    for content, said in ((b"\x80\x04.", "is a pickle"), (b"\0" * ((16 << 20) + 1), "is larger than 16 MiB")):
        fake.write_bytes(content)
        assert run(["model", "evaluate", "--traces", str(trained[0]), "--model", str(fake)]) == 2
        assert said in capsys.readouterr().err


def test_too_little_to_learn_from_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    traces = write(tmp_path / "short", ticks=200)
    assert run(["model", "train", "--traces", str(traces), "--out", str(tmp_path / "m.txt"), "--workers", "0"]) == 2
    assert "at least 1000 rows" in capsys.readouterr().err
