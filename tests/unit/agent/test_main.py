"""The command: what it answers to a wrong call, and how it goes on with other settings."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import pytest

from agent.main import Program, main
from agent.settings import Settings
from domain.errors import InputError
from tests.unit.agent.service import make_settings


class Job:
    """Remembers the settings of each run, and which of them ended."""

    def __init__(self, error: Exception | None = None) -> None:
        self.begun: list[Settings] = []
        self.ended = 0
        self._error = error

    async def run(self, settings: Settings) -> None:
        self.begun.append(settings)
        if self._error is not None:
            raise self._error
        try:
            await asyncio.Event().wait()
        finally:
            self.ended += 1


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def reading(*answers: Settings | InputError) -> Callable[[], Settings]:
    left = list(answers)

    def read() -> Settings:
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, InputError):
            raise answer
        return answer

    return read


def test_a_missing_variable_ends_with_code_2_and_its_name(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("API_URL", raising=False)
    assert main([]) == 2
    assert capsys.readouterr().err.startswith("API_URL: is missing")


def test_a_command_that_does_not_exist_ends_with_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve"]) == 2
    assert "python -m agent [node]" in capsys.readouterr().err


async def test_changed_settings_begin_the_job_anew() -> None:
    old, new = make_settings(), make_settings(token="another_token")
    job = Job()
    program = Program(reading(old, new), job.run)
    task = asyncio.create_task(program.run())
    await settle()
    program._reload.set()
    await settle()
    assert job.begun == [old, new]
    assert job.ended == 1
    program._stop.set()
    assert await task == 0
    assert job.ended == 2


async def test_a_key_that_was_replaced_in_its_file_is_taken_over_without_a_signal() -> None:
    old, new = make_settings(), make_settings(token="another_token")
    job = Job()
    program = Program(reading(old, old, new), job.run, look_s=0)
    task = asyncio.create_task(program.run())
    async with asyncio.timeout(5):
        while len(job.begun) < 2:
            await asyncio.sleep(0)
    assert job.begun == [old, new]
    program._stop.set()
    assert await task == 0


@pytest.mark.parametrize("answer", [make_settings(), InputError("environment", "API_TOKEN_FILE", "is gone")])
async def test_settings_that_are_the_same_or_unreadable_leave_the_job_alone(answer: Settings | InputError) -> None:
    job = Job()
    program = Program(reading(make_settings(), answer), job.run)
    task = asyncio.create_task(program.run())
    await settle()
    program._reload.set()
    await settle()
    assert len(job.begun) == 1
    program._stop.set()
    assert await task == 0


async def test_a_job_that_dies_takes_the_process_with_it() -> None:
    program = Program(reading(make_settings()), Job(RuntimeError("a bug")).run)
    with pytest.raises(RuntimeError):
        await program.run()


async def test_a_stop_while_settings_are_read_is_a_stop() -> None:
    job = Job()
    program = Program(reading(make_settings(), make_settings(token="another_token")), job.run)
    task = asyncio.create_task(program.run())
    await settle()
    program._stop.set()
    program._reload.set()
    with suppress(TimeoutError):
        assert await asyncio.wait_for(task, 5) == 0
    assert len(job.begun) == 1
