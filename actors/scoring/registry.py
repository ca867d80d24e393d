"""Changes of the registry of models, and how everybody hears of them. Loads no numerical library."""

import asyncio
import hashlib

import orjson
import structlog

from actors.services import Services
from adapters.postgres.ids import new_id
from adapters.postgres.ports import Transaction
from adapters.traces.model_text import read_model_text
from domain.errors import SpotOptimizerError
from domain.lab import RISK_MODEL, MlModel, ModelStatus

MAX_MODEL_BYTES = 16 << 20
"""Longest text of a model: ten times what the largest one has needed."""
MODEL_CHANGES = "models:changes"
"""Channel on which a change of the registry is told."""
MODELS_VERSION = "MODELS_VERSION"
"""Configuration that is given a new value with every change of the registry."""
BY_SYSTEM = "System"

log = structlog.get_logger(__name__)


async def register_carried(tx: Transaction, *, services: Services) -> MlModel:
    """The model in production; where there is none yet, the carried one is registered as such."""
    production = await tx.models.production(RISK_MODEL)
    if production is not None:
        return production
    data, _ = await asyncio.to_thread(read_model_text, most_bytes=MAX_MODEL_BYTES)
    digest = hashlib.sha256(data).digest()
    model = MlModel(
        id=new_id(), name=RISK_MODEL, version=f"carried-{digest.hex()[:8]}", file="carried", sha256=digest,
        status=ModelStatus.PRODUCTION, created_at=services.clock.now(), metrics=_told(data), uploaded_by=BY_SYSTEM,
    )  # fmt: skip
    await tx.models.add(model, data)
    await mark_changed(tx, services=services, by=BY_SYSTEM)
    return model


def _told(data: bytes) -> dict[str, object]:
    """What the list of models shows of ours: it stands in the second line of the text."""
    side = orjson.loads(data.split(b"\n", 2)[1])
    return {"contract": side["contract"], "families": side["families"], "bytes": len(data)}


async def mark_changed(tx: Transaction, *, services: Services, by: str) -> None:
    """Have every process read the registry anew once this transaction has ended."""
    await tx.config.set(MODELS_VERSION, str(new_id()), by=by, now=services.clock.now())


async def tell_changed(services: Services) -> None:
    """Tell every process at once; whoever does not hear of it looks by itself."""
    try:
        await services.hub.bus.publish(MODEL_CHANGES, b"changed")
    except SpotOptimizerError as err:
        log.warning("processes were not told of a change of models; they look by themselves", error=str(err))
