"""The scorer as an actor: started by the first who asks, over real servers, and asked from a task."""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

from tests.running_redis import RedisServer

KEY = base64.b64encode(bytes(32)).decode()


def test_the_first_who_asks_starts_the_scorer_and_plans_are_told_the_risk(
    database_url: str, redis_server: RedisServer, tmp_path: Path
) -> None:
    settings = {
        "SPOTOPT_DATABASE_URL": database_url, "SPOTOPT_REDIS_URL": redis_server.url, "DATABASE_URL": database_url,
        "REDIS_URL": redis_server.url, "SPOTOPT_SESSION_KEYS": KEY, "SPOTOPT_ENCRYPTION_KEYS": KEY,
        "SPOTOPT_DATA_DIR": str(tmp_path),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "tests.integration.lab.scorer_on_ray"], env={**os.environ, **settings},
        capture_output=True, text=True, timeout=500, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2_000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["pools"] > 1_000
    assert told["model"].startswith("carried-")
    assert told["notes"] == 2
    assert told["judged"] == "1 models have spoken of 1 pools"
