"""The sandbox against code that does what a stranger would like to do."""

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.lab.judge import Judgement
from adapters.sandbox.confine import Limits
from adapters.sandbox.process import OutOfBoundsError, ProcessSandbox
from adapters.traces.model_text import read_model_text
from domain.errors import TransientError
from solvers.interruption.contract import V1_0

HOSTILE = "tests.integration.sandbox.hostile"
JUDGE = "actors.lab.judge"
MOST = 16 << 20


@pytest.fixture
def sandbox() -> ProcessSandbox:
    return ProcessSandbox(limits=Limits(wall_s=20.0))


@pytest.fixture(autouse=True)
def _nothing_left_behind() -> Iterator[None]:
    before = _children()
    yield
    assert _children() <= before


def _children() -> set[str]:
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii").split())


async def test_what_behaves_is_answered(sandbox: ProcessSandbox) -> None:
    assert await sandbox.run(HOSTILE, b"answer") == b"hello"


@pytest.mark.parametrize("word", ["connect", "open", "write", "fork", "run", "kill"])
async def test_the_outside_is_out_of_reach(sandbox: ProcessSandbox, word: str) -> None:
    assert (await sandbox.run(HOSTILE, word.encode())).startswith(b"refused: ")
    assert not Path("/tmp/spotopt-sandbox-was-here").exists()


async def test_nothing_of_ours_goes_along(sandbox: ProcessSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPOTOPT_SESSION_KEYS", "secret")
    names = (await sandbox.run(HOSTILE, b"environment")).decode().split()
    assert not [name for name in names if name.startswith("SPOTOPT") or "HOME" in name]
    assert await sandbox.run(HOSTILE, b"files") == b"[]"


@pytest.mark.parametrize("word", ["loop", "sleep", "fill", "talk", "crash"])
async def test_what_never_ends_takes_too_much_or_crashes_is_ended(word: str) -> None:
    sandbox = ProcessSandbox(limits=Limits(wall_s=6.0))
    began = time.monotonic()
    with pytest.raises(OutOfBoundsError):
        await sandbox.run(HOSTILE, word.encode())
    assert time.monotonic() - began < 60


async def test_a_module_that_cannot_be_set_up_is_tried_again_later(sandbox: ProcessSandbox) -> None:
    with pytest.raises(TransientError):
        await sandbox.run("tests.integration.sandbox.nowhere", b"")


async def test_others_go_on_while_a_hostile_input_is_judged() -> None:
    sandbox, waits = ProcessSandbox(limits=Limits(wall_s=3.0)), []
    judged = asyncio.create_task(sandbox.run(HOSTILE, b"loop"))
    while not judged.done():
        began = time.monotonic()
        await asyncio.sleep(0.01)
        waits.append(time.monotonic() - began)
    with pytest.raises(OutOfBoundsError):
        judged.result()
    assert sorted(waits)[len(waits) // 2] < 0.1


async def test_the_carried_model_is_taken_and_a_pickle_refused(sandbox: ProcessSandbox) -> None:
    data, _ = read_model_text(most_bytes=MOST)
    taken = Judgement.of_bytes(await sandbox.run(JUDGE, data))
    assert (taken.taken, taken.contract, taken.families) == (True, V1_0.version, ("p2", "p3"))
    refused = Judgement.of_bytes(await sandbox.run(JUDGE, b"\x80\x04\x95" + data))
    assert "pickle" in refused.problem


async def test_the_largest_hostile_text_is_judged_or_ended_within_its_limits() -> None:
    """Megabytes of trees that are almost right keep the reader busy for as long as they can."""
    data, _ = read_model_text(most_bytes=MOST)
    head, _, tail = data.partition(b"\nTree=1\n")
    tree = b"\nTree=1\n" + tail.partition(b"\nTree=")[0]
    hostile = (head + tree * ((MOST - len(head)) // len(tree)))[:MOST]
    try:
        answer = await ProcessSandbox().run(JUDGE, hostile)
    except OutOfBoundsError:
        return
    assert not Judgement.of_bytes(answer).taken
