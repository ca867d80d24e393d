"""The registry as JSON, with a version. Flags are not stored: they follow from the evidence."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError

from actors.risk.state import RiskRegistry, Sighting
from actors.risk.tenant import RiskSettings, Tenant
from domain.errors import InputError
from domain.market import Pool

FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _StoredTenant:
    organisation: str
    tokens: float
    refilled_at: datetime
    spoken: tuple[tuple[Pool, datetime], ...]
    seen: dict[str, datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    now: datetime
    sightings: tuple[Sighting, ...]
    tenants: tuple[_StoredTenant, ...]


_ADAPTER: TypeAdapter[_Stored] = TypeAdapter(_Stored)


def to_json(registry: RiskRegistry) -> bytes:
    """The registry as it is stored."""
    stored = _Stored(
        now=registry.now,
        sightings=tuple(one for sightings in registry.sightings.values() for one in sightings),
        tenants=tuple(_store(organisation, tenant) for organisation, tenant in registry.tenants.items()),
    )
    return orjson.dumps({"version": FORMAT, "registry": _ADAPTER.dump_python(stored, mode="json")})


def from_json(stored: bytes | str, *, settings: RiskSettings) -> RiskRegistry:
    """A registry from storage.

    Raises
    ------
    InputError
        When it is damaged or was written by a newer program.
    """
    try:
        document: Any = orjson.loads(stored)
        if not isinstance(document, dict) or document.get("version") != FORMAT:
            raise InputError("stored registry", "version", f"must be {FORMAT}; a newer program may have written it")
        read = _ADAPTER.validate_python(document["registry"])
    except (orjson.JSONDecodeError, KeyError, ValidationError) as err:
        raise InputError("stored registry", "", f"is damaged: {err}") from err
    registry = RiskRegistry(settings=settings, now=read.now)
    for one in read.sightings:
        registry.sightings.setdefault(one.evidence.pool, []).append(one)
    registry.tenants = {one.organisation: _tenant(one) for one in read.tenants}
    registry.rebuild_flags()
    return registry


def _store(organisation: str, tenant: Tenant) -> _StoredTenant:
    return _StoredTenant(
        organisation=organisation,
        tokens=tenant.tokens,
        refilled_at=tenant.refilled_at,
        spoken=tuple(tenant.spoken.items()),
        seen=tenant.seen,
    )


def _tenant(stored: _StoredTenant) -> Tenant:
    return Tenant(tokens=stored.tokens, refilled_at=stored.refilled_at, spoken=dict(stored.spoken), seen=stored.seen)
