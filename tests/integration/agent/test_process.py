"""The agent as a process: exit codes, signals, health, and that a wrong key or an absent API server kill nothing."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import ROOT

DEADLINE_S = 30.0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


class Running:
    """A process, its log lines as they come, and its health."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.process = process
        self.lines: list[dict[str, Any]] = []
        self.http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=5)
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.lines.append(json.loads(line))

    def said(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if event in line["event"]]

    async def until_said(self, event: str, times: int = 1) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while len(self.said(event)) < times:
                assert self.process.returncode is None, self.lines
                await asyncio.sleep(0.02)

    async def answer(self, path: str) -> tuple[int, str]:
        """The answer, waited for while the process begins to listen."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                try:
                    answer = await self.http.get(path)
                except httpx.TransportError:
                    await asyncio.sleep(0.05)
                else:
                    return answer.status_code, answer.text

    async def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(DEADLINE_S):
            code = await self.process.wait()
        await self._reading
        await self.http.aclose()
        return code


@asynccontextmanager
async def agent(**environment: str) -> AsyncIterator[Running]:
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "agent",
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PORT": str(port)} | environment,
        stdout=asyncio.subprocess.PIPE,
    )
    running = Running(process, port)
    try:
        yield running
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Settings of an agent whose service and API server are not there."""
    (tmp_path / "token").write_text("spotopt_first")
    nowhere = f"http://127.0.0.1:{free_port()}"
    return {
        "API_URL": nowhere,
        "KUBE_API_URL": nowhere,
        "CLUSTER_ID": "c1",
        "API_TOKEN_FILE": str(tmp_path / "token"),
        "NAMESPACE": "spot-optimizer",
    }


async def test_without_its_api_server_it_lives_is_not_ready_and_ends_cleanly(environment: dict[str, str]) -> None:
    async with agent(**environment) as running:
        assert await running.answer("/healthz") == (200, "ok\n")
        assert await running.answer("/readyz") == (503, "the Kubernetes API does not answer\n")
        status, figures = await running.answer("/metrics")
        assert (status, "spotopt_agent_leading 0.0" in figures) == (200, True)
        await running.until_said("neither be taken nor renewed")
        assert await running.stop() == 0


async def test_a_new_key_in_its_file_is_taken_over_at_a_hang_up(environment: dict[str, str]) -> None:
    async with agent(**environment) as running:
        await running.until_said("started")
        Path(environment["API_TOKEN_FILE"]).write_text("spotopt_second")
        running.process.send_signal(signal.SIGHUP)
        await running.until_said("started", times=2)
        Path(environment["API_TOKEN_FILE"]).unlink()
        running.process.send_signal(signal.SIGHUP)
        await running.until_said("the settings stay as they were")
        assert await running.answer("/healthz") == (200, "ok\n")
        assert await running.stop() == 0
        assert not any("spotopt_" in json.dumps(line) for line in running.lines)


@pytest.mark.parametrize(("missing", "code"), [("API_URL", 2), ("NAMESPACE", 2)])
async def test_a_missing_setting_ends_it_with_its_name(environment: dict[str, str], missing: str, code: int) -> None:
    del environment[missing]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "agent",
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]} | environment,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(DEADLINE_S):
        _, error = await process.communicate()
    assert (process.returncode, error.decode().startswith(f"{missing}: is missing")) == (code, True)
