"""Recorded availability in the format of the SkyPilot spot traces: one JSON file per zone and type.

``{"metadata": {"gap_seconds": 195}, "data": [0, 1, …]}`` in ``us-east-1a_v100_1.json``; the files of one folder are one
recording. A pool is up at a tick when at least one instance was there.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from domain.errors import InputError

MAX_BYTES = 64 << 20
FILE = re.compile(r"(?P<region>[a-z]+(?:-[a-z]+)+-?\d+)-?(?P<letter>[a-z])_(?P<type>[a-z0-9.\-]+)_(?P<count>\d+)\.json")
STARTS = {"aws-02-15-2023": datetime(2023, 2, 15, 22, 15, tzinfo=UTC)}
"""Start times that the files do not tell. This one is inferred from the data; its time zone is not stated."""
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
    """What one file holds: a zone, a type, its number of GPUs, and the instances seen at each tick."""

    region: str
    zone: str
    instance_type: str
    accelerators: int
    count: NDArray[np.float64]
    tick_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """The series of one folder, cut to the shortest of them; ``cut_ticks`` is how much the longest lost."""

    name: str
    series: tuple[Series, ...]
    tick_s: float
    start: datetime | None
    cut_ticks: int

    @property
    def up(self) -> NDArray[np.bool_]:
        """Whether each pool was up, (pools, ticks)."""
        return np.stack([each.count > 0 for each in self.series])


def read_recordings(folder: Path, *, repair: bool = False) -> tuple[Recording, ...]:
    """All recordings at or below a folder, by name.

    Parameters
    ----------
    repair
        Take ticks that were not recorded (``null``) to be as the tick before them, rather than refuse them.

    Raises
    ------
    InputError
        When the folder holds none, a file is not in the format, or the files of a recording tick differently.
    """
    if not folder.is_dir():
        raise InputError(str(folder), "", "is no folder")
    files = sorted(path for path in folder.rglob("*.json") if FILE.fullmatch(path.name))
    if not files:
        raise InputError(str(folder), "", "holds no traces; their files are called like us-east-1a_v100_1.json")
    folders = sorted({path.parent for path in files})
    return tuple(
        _recording(each, [path for path in files if path.parent == each], root=folder, repair=repair)
        for each in folders
    )


def _recording(folder: Path, files: Sequence[Path], *, root: Path, repair: bool) -> Recording:
    series = tuple(read_series(path, repair=repair) for path in files)
    gaps = {each.tick_s for each in series}
    if len(gaps) > 1:
        raise InputError(str(folder), "gap_seconds", f"differs between its files: {sorted(gaps)}")
    lengths = [each.count.size for each in series]
    shortest = min(lengths)
    return Recording(
        name=str(folder.relative_to(root.parent)) if folder != root else folder.name,
        series=tuple(_cut(each, shortest) for each in series),
        tick_s=gaps.pop(),
        start=STARTS.get(folder.name),
        cut_ticks=max(lengths) - shortest,
    )


def read_series(path: Path, *, repair: bool = False) -> Series:
    """One file. Raises InputError, naming file and field, when it is not in the format, or has gaps not to repair."""
    parts = FILE.fullmatch(path.name)
    if parts is None:
        raise InputError(str(path), "", "is not called like us-east-1a_v100_1.json")
    if path.stat().st_size > MAX_BYTES:
        raise InputError(str(path), "", f"is larger than {MAX_BYTES >> 20} MiB")
    try:
        content = _File.model_validate_json(path.read_bytes())
    except ValidationError as err:
        first = err.errors(include_url=False)[0]
        raise InputError(str(path), ".".join(map(str, first["loc"])), first["msg"]) from err
    number = int(parts["count"])
    return Series(
        region=parts["region"],
        zone=parts["region"] + parts["letter"],
        instance_type=_type_of(parts["type"], number),
        accelerators=-1 if "." in parts["type"] else number,
        count=_without_gaps(content.data, path, repair=repair),
        tick_s=content.metadata.gap_seconds,
    )


def _type_of(name: str, number: int) -> str:
    """The EC2 type that a file is about: a name with a dot is one already."""
    return name if "." in name else TYPES.get((name, number), f"{name}_{number}")


def _without_gaps(data: list[float | None], path: Path, *, repair: bool) -> NDArray[np.float64]:
    gap = next((tick for tick, count in enumerate(data) if count is None), None)
    if gap is not None and (not repair or gap == 0):
        why = "nothing is before it to repair it with" if repair else "repair it, or have it repaired (on_gap: repair)"
        raise InputError(str(path), f"data.{gap}", f"was not recorded (null); {why}")
    count = np.array(data, dtype=np.float64)
    known = np.maximum.accumulate(np.where(np.isnan(count), 0, np.arange(count.size)))
    filled: NDArray[np.float64] = count[known]
    return filled


def _cut(series: Series, ticks: int) -> Series:
    return Series(
        region=series.region, zone=series.zone, instance_type=series.instance_type,
        accelerators=series.accelerators, count=series.count[:ticks], tick_s=series.tick_s,
    )  # fmt: skip
