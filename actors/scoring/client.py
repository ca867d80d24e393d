"""The scorer as others see it: found by name, and started where it does not run yet."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import ray
import structlog
from ray.actor import ActorHandle
from ray.exceptions import RayError

from actors import runtime
from actors.hosting.client import answered
from actors.scoring.risk import RegionRisk
from domain.errors import TransientError
from domain.market import Pool

NAME = "RiskScorer"
ASK_TIMEOUT_S = 0.5
"""Longest that a plan waits for risk, which takes milliseconds; then the catalogue's figures must do."""
JUDGE_TIMEOUT_S = 100.0
"""Less than a periodic job may take."""

log = structlog.get_logger(__name__)


def scorer() -> ActorHandle[Any]:
    """The scorer; the first one to ask starts it."""
    try:
        return runtime.find(NAME)
    except TransientError:
        from actors.scoring.actor import RiskScorer  # loads compiled kernels, which those who only ask do not need

        return runtime.start(runtime.ActorSpec(name=NAME, made_by=RiskScorer))


def find_scorer() -> None:
    """Find it once before it is needed: what its handle brings along takes a process seconds to load."""
    try:
        scorer()
    except RayError as err:
        log.warning("the scorer cannot be found yet", error=str(err))


def ask(region: str, cluster_id: UUID, running: Sequence[Pool]) -> RegionRisk | None:
    """Risk for a plan, from within a task of Ray.

    Raises
    ------
    TransientError
        When the scorer does not answer in time.
    """
    handle: Any = scorer()
    try:
        found: RegionRisk | None = ray.get(handle.risk.remote(region, cluster_id, running), timeout=ASK_TIMEOUT_S)
    except RayError as err:
        raise TransientError(f"the scorer does not answer: {type(err).__name__}") from err
    return found


async def judge_models(_: datetime) -> str:
    """Have the scorer judge models by what has happened; a periodic job."""
    handle: Any = await asyncio.to_thread(scorer)
    said: str = await answered(handle.judge.remote(), what=NAME, timeout_s=JUDGE_TIMEOUT_S)
    return said
