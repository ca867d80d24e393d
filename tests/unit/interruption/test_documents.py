"""The contract of the page is the contract of the code, and the carried model keeps it."""

import re
from pathlib import Path

from adapters.traces.model_text import read_model_text
from solvers.interruption.contract import V1_0
from solvers.interruption.model_file import MAX_BYTES, parse_model

ROOT = Path(__file__).resolve().parents[3]
EFFECTS = {1: "raises", -1: "lowers", 0: "–"}


def test_the_page_lists_the_contract() -> None:
    page = (ROOT / "docs" / "model.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", page, re.MULTILINE)
    wanted = [
        (f.name, f"{f.unit} | {f.low:g}..{f.high:g} | {'yes' if f.missing else 'no'} | {EFFECTS[f.sign]} | {f.meaning}")
        for f in V1_0.features
    ]
    assert rows == wanted


def test_the_carried_model_is_small_and_keeps_the_contract() -> None:
    data, called = read_model_text(most_bytes=MAX_BYTES)
    model = parse_model(data, of=called)
    assert len(data) < 400_000
    assert model.contract is V1_0
    assert model.families == {"p2", "p3"}
