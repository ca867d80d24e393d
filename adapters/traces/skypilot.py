"""Recorded availability in the format of the SkyPilot spot traces: one JSON file per zone and type.

``{"metadata": {"gap_seconds": 195}, "data": [0, 1, …]}`` in ``us-east-1a_v100_1.json``, gzipped or not; the files
of one folder are one recording. A pool is up at a tick when at least one instance was there.
"""

import gzip
import hashlib
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from domain.errors import InputError

MAX_BYTES = 64 << 20
"""Of one file, unpacked."""
FILE = re.compile(
    r"(?P<region>[a-z]+(?:-[a-z]+)+-?\d+)(?P<zone>(?:-[a-z]+-\d+)?-?[a-z])_(?P<type>[a-z0-9.\-]+)_(?P<count>\d+)"
    r"\.json(?:\.gz)?",
    re.IGNORECASE,
)
BEGINNING = 500
"""Ticks at the beginning of a series by which it is known again."""
STARTS = dict.fromkeys(
    (
        "f292cc0cbee6b197", "80e12aa36bd88891", "8ae151800d5a1ed8", "5e7dbf650486738e", "35e7bd130657434e",
        "54c6f7b19aa2e0c0", "4cf5826e3aa8e517", "a22b9332837eb5df",
    ),
    datetime(2023, 2, 15, 22, 15, tzinfo=UTC),
)  # fmt: skip
"""Start times that files do not tell, by how their series begin: whatever a folder is called, and whichever of its
files are there, its hours are right, and a part cut out of its middle has none. This start of the recording of 2023-02
is inferred from its data; its time zone is not stated."""
TYPES = {
    ("k80", 1): "p2.xlarge", ("k80", 8): "p2.8xlarge", ("k80", 16): "p2.16xlarge",
    ("v100", 1): "p3.2xlarge", ("v100", 4): "p3.8xlarge", ("v100", 8): "p3.16xlarge",
}  # fmt: skip
"""EC2 types that are rented by GPU and count."""


class _Metadata(BaseModel):
    model_config = ConfigDict(extra="ignore")
    gap_seconds: Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]


class _File(BaseModel):
    model_config = ConfigDict(extra="ignore")
    metadata: _Metadata
    data: Annotated[list[Annotated[float, Field(ge=0, allow_inf_nan=False)] | None], Field(min_length=2)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """What one file holds: a zone, a type, its number of GPUs, and the instances seen at each tick.

    ``known`` marks the ticks that were recorded; at others the count is the one before.
    """

    region: str
    zone: str
    instance_type: str
    accelerators: int
    count: NDArray[np.float64]
    known: NDArray[np.bool_]
    tick_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """The series of one folder, of one length; ``cut_ticks`` is how much the longest lost for that."""

    name: str
    series: tuple[Series, ...]
    tick_s: float
    start: datetime | None
    cut_ticks: int

    @property
    def up(self) -> NDArray[np.bool_]:
        """Whether each pool was up, (pools, ticks)."""
        return np.stack([each.count > 0 for each in self.series])

    @property
    def known(self) -> NDArray[np.bool_]:
        """Whether each tick was recorded, (pools, ticks)."""
        return np.stack([each.known for each in self.series])


def read_recordings(folder: Path, *, repair: bool = False, ragged: bool = False) -> tuple[Recording, ...]:
    """All recordings at or below a folder, by name.

    Parameters
    ----------
    repair
        Take ticks that were not recorded (``null``) to be as the tick before them, rather than refuse them.
    ragged
        Take them so too, those before the first that was recorded to be up, and rather than cut series to the shortest
        of their folder count what others hold beyond their end as not recorded. ``known`` tells such ticks.

    Raises
    ------
    InputError
        When the folder holds none, a file is not in the format, or the files of a recording tick differently.
    """
    if not folder.is_dir():
        raise InputError(str(folder), "", "is no folder")
    files = sorted(path for path in _json_files(folder) if FILE.fullmatch(path.name))
    if not files:
        raise InputError(str(folder), "", "holds no traces; their files are called like us-east-1a_v100_1.json")
    folders = sorted({path.parent for path in files})
    return tuple(
        _recording(
            each, [path for path in files if path.parent == each], root=folder, repair=repair or ragged, ragged=ragged
        )
        for each in folders
    )


def strangers(folder: Path) -> tuple[Path, ...]:
    """JSON files at or below a folder that are not called like traces, which nobody reads."""
    return tuple(sorted(path for path in _json_files(folder) if not FILE.fullmatch(path.name)))


def _json_files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.name.lower().endswith((".json", ".json.gz")) and path.is_file()]


def _recording(folder: Path, files: Sequence[Path], *, root: Path, repair: bool, ragged: bool) -> Recording:
    series = tuple(read_series(path, repair=repair, ragged=ragged) for path in files)
    gaps = {each.tick_s for each in series}
    if len(gaps) > 1:
        raise InputError(str(folder), "gap_seconds", f"differs between its files: {sorted(gaps)}")
    _check_apart(folder, series)
    lengths = [each.count.size for each in series]
    ticks = max(lengths) if ragged else min(lengths)
    return Recording(
        name=str(folder.relative_to(root.parent)) if folder != root else folder.resolve().name,
        series=tuple(_of_length(each, ticks) for each in series),
        tick_s=gaps.pop(),
        start=next((start for each in series if (start := STARTS.get(_beginning(each)))), None),
        cut_ticks=max(lengths) - ticks,
    )


def _beginning(series: Series) -> str:
    states = (series.count[:BEGINNING] > 0).astype(np.uint8).tobytes()
    return hashlib.sha256(states).hexdigest()[:16] if len(states) == BEGINNING else ""


def _check_apart(folder: Path, series: Sequence[Series]) -> None:
    seen = set[tuple[str, str]]()
    for each in series:
        if (each.zone, each.instance_type) in seen:
            raise InputError(str(folder), "", f"holds {each.instance_type} in {each.zone} twice")
        seen.add((each.zone, each.instance_type))


def read_series(path: Path, *, repair: bool = False, ragged: bool = False) -> Series:
    """One file. Raises InputError, naming file and field, when it is not in the format, or has gaps not to repair."""
    parts = FILE.fullmatch(path.name)
    if parts is None:
        raise InputError(str(path), "", "is not called like us-east-1a_v100_1.json")
    try:
        content = _File.model_validate_json(_bytes_of(path))
    except ValidationError as err:
        first = err.errors(include_url=False)[0]
        raise InputError(str(path), ".".join(map(str, first["loc"])), first["msg"]) from err
    number, kind, region = int(parts["count"]), parts["type"].lower(), parts["region"].lower()
    count, known = _without_gaps(content.data, path, repair=repair, ragged=ragged)
    return Series(
        region=region,
        zone=region + _zone_of(parts["zone"].lower()),
        instance_type=_type_of(kind, number),
        accelerators=-1 if "." in kind else number,
        count=count,
        known=known,
        tick_s=content.metadata.gap_seconds,
    )


def _bytes_of(path: Path) -> bytes:
    packed = path.name.lower().endswith(".gz")
    try:
        with gzip.open(path) if packed else path.open("rb") as file:
            data: bytes = file.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as err:
        raise InputError(str(path), "", f"cannot be read: {err}") from err
    if len(data) > MAX_BYTES:
        raise InputError(str(path), "", f"is larger than {MAX_BYTES >> 20} MiB")
    return data


def _zone_of(rest: str) -> str:
    """What follows the region: a letter, which some clouds write with a dash, or a local zone."""
    return rest.removeprefix("-") if len(rest) == len("-a") else rest


def _type_of(name: str, number: int) -> str:
    """The EC2 type that a file is about: a name with a dot is one already."""
    return name if "." in name else TYPES.get((name, number), f"{name}_{number}")


def _without_gaps(
    data: list[float | None], path: Path, *, repair: bool, ragged: bool
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    count = np.array(data, dtype=np.float64)
    known = ~np.isnan(count)
    gap = next(iter(np.flatnonzero(~known).tolist()), None)
    if gap is not None and (not repair or (gap == 0 and not ragged)):
        why = "nothing is before it to repair it with" if repair else "repair it, or have it repaired (on_gap: repair)"
        raise InputError(str(path), f"data.{gap}", f"was not recorded (null); {why}")
    before = np.maximum.accumulate(np.where(known, np.arange(count.size), -1))
    filled: NDArray[np.float64] = np.where(before >= 0, count[before], 1.0)
    return filled, known


def _of_length(series: Series, ticks: int) -> Series:
    """Cut, or go on as it ended, not recorded."""
    more = max(0, ticks - series.count.size)
    count = np.pad(series.count[:ticks], (0, more), mode="edge")
    return replace(series, count=count, known=np.pad(series.known[:ticks], (0, more)))
