"""The file of a model: one text with a JSON part and LightGBM's own text for each horizon.

::

    spotopt interruption model, format 1
    {"contract": "1.0", "families": …, "tables": …, "prior": …, "about": …}
    --- horizon 1 h
    tree
    version=v4
    …

A model is never pickled: whoever reads a file runs nothing of it.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from domain.errors import InputError
from solvers.interruption.calibration import CalibrationTable
from solvers.interruption.contract import V1_0, Contract, Floats
from solvers.interruption.drift import check_reference
from solvers.interruption.file_signs import FIRST_LINE, foreign
from solvers.interruption.forest import parse_forest
from solvers.interruption.model import Head, RiskModel, check_model
from solvers.interruption.prior import Prior

MAX_BYTES = 16 << 20
CONTRACTS: Mapping[str, Contract] = {V1_0.version: V1_0}
"""Contracts that can be served."""
_SECTION = "\n--- horizon "
_DIGITS = 6


def format_model(
    forests: Mapping[int, str],
    tables: Mapping[int, CalibrationTable],
    *,
    contract: Contract,
    families: Sequence[str],
    prior: Prior,
    about: Mapping[str, object],
) -> str:
    """The text of a model; ``forests`` are LightGBM's texts by horizon in hours."""
    side = {
        "contract": contract.version,
        "families": sorted(families),
        "tables": {str(hours): _table_json(table) for hours, table in tables.items()},
        "prior": _prior_json(prior),
        "about": about,
    }
    parts = [f"{FIRST_LINE}\n{json.dumps(side, sort_keys=True, allow_nan=False)}"]
    parts += [f"{hours} h\n{text.strip()}\n" for hours, text in forests.items()]
    return _SECTION.join(parts)


def parse_model(data: bytes, *, of: str) -> RiskModel:
    """Read and try a model; nothing in the file is run.

    Parameters
    ----------
    of
        What the file is called, for messages.

    Raises
    ------
    InputError
        When it is too large, something else than a model, of an unknown contract, with other features, damaged, or when
        it answers sample rows with something that is no probability.
    """
    head, *sections = _text(data, of).split(_SECTION)
    side = _side(head, of)
    contract = CONTRACTS.get(str(side.get("contract")))
    if contract is None:
        raise InputError(of, "contract", f"is {side.get('contract')!r}; known are {', '.join(CONTRACTS)}")
    texts = {hours.removesuffix(" h"): text for hours, _, text in (section.partition("\n") for section in sections)}
    try:
        model = RiskModel(
            contract=contract,
            heads=tuple(_head(hours, texts, side, contract, of) for hours in contract.horizons_h),
            families=frozenset(map(str, _list(side, "families", of))),
            prior=_prior(_mapping(side, "prior", of)),
            about=_about(_mapping(side, "about", of)),
        )
    except (KeyError, TypeError, ValueError) as err:
        raise InputError(of, "side", f"is damaged: {err}") from err
    check_model(model, of=of)
    return model


def _text(data: bytes, of: str) -> str:
    if len(data) > MAX_BYTES:
        raise InputError(of, "", f"is larger than {MAX_BYTES >> 20} MiB; no model is")
    if why := foreign(data):
        raise InputError(of, "", why)
    try:
        return data.decode("ascii")
    except UnicodeDecodeError as err:
        raise InputError(of, "", f"is no text: {err}") from err


def _side(head: str, of: str) -> Mapping[str, Any]:
    try:
        side = json.loads(head.partition("\n")[2], parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as err:
        raise InputError(of, "side", f"is no JSON: {err}") from err
    if not isinstance(side, dict):
        raise InputError(of, "side", "is no JSON object")
    return side


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


def _head(hours: int, texts: Mapping[str, str], side: Mapping[str, Any], contract: Contract, of: str) -> Head:
    if str(hours) not in texts:
        raise InputError(of, f"horizon {hours} h", "is missing")
    table = _mapping(_mapping(side, "tables", of), str(hours), of)
    forest = parse_forest(texts[str(hours)], contract=contract, of=f"{of}, horizon {hours} h")
    return Head(horizon_h=hours, forest=forest, table=_table(table))


def _about(about: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the model tells of itself, with the parts checked that somebody computes with."""
    check_reference(about.get("reference", {}))
    for recording in about.get("recordings", []):
        str(recording["name"]), int(recording["ticks"])
    return about


def _mapping(side: Mapping[str, Any], field: str, of: str) -> Mapping[str, Any]:
    value = side.get(field)
    if not isinstance(value, dict):
        raise InputError(of, field, "must be a JSON object")
    return value


def _list(side: Mapping[str, Any], field: str, of: str) -> Sequence[Any]:
    value = side.get(field)
    if not isinstance(value, list):
        raise InputError(of, field, "must be a JSON list")
    return value


def _table_json(table: CalibrationTable) -> dict[str, object]:
    columns = {"probability": table.probability, "low": table.low, "high": table.high}
    return {"method": table.method} | {name: _rounded(column) for name, column in columns.items()}


def _rounded(values: Floats) -> list[float]:
    return [round(float(value), _DIGITS) for value in values]


def _table(side: Mapping[str, Any]) -> CalibrationTable:
    low, middle, high = (np.array(side[name], dtype=np.float64) for name in ("low", "probability", "high"))
    return CalibrationTable(method=str(side["method"]), probability=middle, low=low, high=high)


def _prior_json(prior: Prior) -> dict[str, object]:
    return {
        "bucket_per_h": list(prior.bucket_per_h),
        "weights": list(prior.weights),
        "family_per_h": {name: float(f"{rate:.4g}") for name, rate in prior.family_per_h.items()},
        "region_per_h": {name: float(f"{rate:.4g}") for name, rate in prior.region_per_h.items()},
        "overall_per_h": prior.overall_per_h,
        "shape": prior.shape,
    }


def _prior(side: Mapping[str, Any]) -> Prior:
    return Prior(
        bucket_per_h=tuple(map(float, side["bucket_per_h"])),
        weights=tuple(map(float, side["weights"])),
        family_per_h={str(name): float(rate) for name, rate in side["family_per_h"].items()},
        region_per_h={str(name): float(rate) for name, rate in side["region_per_h"].items()},
        overall_per_h=float(side["overall_per_h"]),
        shape=float(side["shape"]),
    )
