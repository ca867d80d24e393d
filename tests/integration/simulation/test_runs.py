"""The command over Ray: killed half way, it goes on, and ends with the bytes that one process gives."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCENARIO = """\
name: killed
region: us-east-1
hours: 24
seed: 4
types:
  own.large: {vcpu: 4, memory_gib: 16, on_demand_usd_per_h: 0.2, spot_usd_per_h: 0.07}
market:
  generated: {types: [own.large], zones: 3, up_h: 12, down_h: 1}
workload:
  deployments:
    - {name: shop, replicas: 6, cpu: 1, memory_gib: 2, max_unavailable: 2}
ours: {model: false, optimise_every_h: 12}
policies: [on-demand, ours]
"""
LIMIT_S = 240.0


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    path = tmp_path / "killed.yaml"
    path.write_text(SCENARIO)
    return path


def start(scenario: Path, folder: Path, *, workers: int) -> "subprocess.Popen[bytes]":
    options = ["-n", "24", "--batch", "2", "--workers", str(workers), "--output", str(folder)]
    environment = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    command = [sys.executable, "-m", "serve.cli.main", "simulate", str(scenario), *options]
    return subprocess.Popen(command, start_new_session=True, env=environment)


def test_a_run_killed_half_way_ends_with_the_same_bytes(scenario: Path, tmp_path: Path) -> None:
    run = start(scenario, tmp_path / "killed", workers=2)
    try:
        until = time.monotonic() + LIMIT_S
        while len(list((tmp_path / "killed").glob("parts/part-*.json"))) < 2:
            assert run.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < until
            time.sleep(0.05)
    finally:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait(30)
    assert not (tmp_path / "killed" / "results.parquet").exists()
    assert start(scenario, tmp_path / "killed", workers=2).wait(LIMIT_S) == 0
    assert start(scenario, tmp_path / "whole", workers=0).wait(LIMIT_S) == 0
    results = [(tmp_path / name / "results.parquet").read_bytes() for name in ("killed", "whole")]
    assert results[0] == results[1]
