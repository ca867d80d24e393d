"""Processes, ports and the socket of the supervisor, with real ones."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from adapters.clock import SystemClock
from adapters.embedded.folder import DataFolder
from domain.errors import InputError, TransientError
from serve.operations import control
from serve.operations.child import PlatformChild, end_leftovers
from serve.operations.ports import free_port, is_free, listener, require_free, taken_by
from serve.operations.processes import end_session, of_session, process, since

CHILD = "import os, time; os.setpgrp(); print(1, flush=True); time.sleep(600)"
LEADER = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {CHILD!r}]).wait()"


@pytest.fixture
def family() -> Iterator[subprocess.Popen[str]]:
    """A process that leads a session, with a child that has left its group."""
    leader = subprocess.Popen([sys.executable, "-c", LEADER], stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert leader.stdout is not None
    assert leader.stdout.readline() == "1\n"
    yield leader
    for found in of_session(leader.pid):
        os.kill(found.pid, 9)
    leader.wait()
    leader.stdout.close()


@pytest.fixture
def port() -> Iterator[int]:
    """A port on which this very process listens."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


async def test_a_session_is_ended_with_those_who_left_its_group(family) -> None:
    assert len(of_session(family.pid)) == 2
    ended = await end_session(family.pid, SystemClock())
    assert len(ended) == 2
    assert of_session(family.pid) == ()


async def test_what_a_killed_platform_left_is_ended_by_the_next_start(family, tmp_path: Path) -> None:
    leader = process(family.pid)
    assert leader is not None
    mark = tmp_path / "platform.json"
    mark.write_bytes(orjson.dumps({"session": family.pid, "started": leader.started}))
    assert await end_leftovers(tmp_path, SystemClock()) == 2
    assert await end_leftovers(tmp_path, SystemClock()) == 0


async def test_a_process_that_was_given_the_number_of_a_dead_one_is_left_alone(family, tmp_path: Path) -> None:
    (tmp_path / "platform.json").write_bytes(orjson.dumps({"session": family.pid, "started": 1}))
    assert await end_leftovers(tmp_path, SystemClock()) == 0
    assert len(of_session(family.pid)) == 2


@pytest.mark.parametrize("content", [b"", b"[]", b'{"session": "x"}'])
async def test_a_mark_that_was_spoiled_ends_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "platform.json").write_bytes(content)
    assert await end_leftovers(tmp_path, SystemClock()) == 0


async def test_a_platform_that_cannot_start_says_why_and_is_gone(tmp_path: Path) -> None:
    variables = {"PATH": os.environ["PATH"], "SPOTOPT_PROT": "80", "SPOTOPT_DATA_DIR": str(tmp_path)}
    child = PlatformChild(variables, tmp_path, tmp_path / "platform.log", clock=SystemClock())
    await child.start()
    try:
        report = await asyncio.wait_for(child.report(), timeout=60)
        assert report is not None
        assert report.final
        assert "SPOTOPT_PROT: is not known" in report.detail
        assert await asyncio.wait_for(child.report(), timeout=60) is None
    finally:
        await child.kill()
    assert child.pid is None
    assert not (tmp_path / "platform.json").exists()


def test_the_start_of_a_process_is_known() -> None:
    assert since(os.getpid()).endswith(" UTC")
    assert since(None) == ""
    assert process(2**22 + 1) is None


def test_a_taken_port_is_told_with_its_holder(port: int) -> None:
    assert not is_free("127.0.0.1", port)
    assert listener(port) == os.getpid()
    assert f"process {os.getpid()}" in taken_by(port)
    with pytest.raises(InputError, match=f"{port} on 127.0.0.1 is taken by process {os.getpid()}"):
        require_free("127.0.0.1", port)
    assert free_port("127.0.0.1", port) > port


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(InputError, match="setting"):
        require_free("192.0.2.77", 8080)


async def test_the_supervisor_answers_everybody_who_asks(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)

    async def answer() -> dict[str, str]:
        return {"state": "ready", "detail": "x" * 100_000}

    assert control.ask(folder) is None
    async with control.answering(folder, answer):
        answers = await asyncio.gather(*(asyncio.to_thread(control.ask, folder) for _ in range(5)))
        assert [found["state"] for found in answers if found] == ["ready"] * 5
        assert control.socket_file(folder).stat().st_mode & 0o077 == 0
    assert control.ask(folder) is None


async def test_a_supervisor_that_breaks_off_is_told(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    server = await asyncio.start_unix_server(lambda _, writer: writer.close(), control.socket_file(folder))
    async with server:
        with pytest.raises(TransientError, match="does not answer"):
            await asyncio.to_thread(control.ask, folder)
