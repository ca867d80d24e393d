"""The records of a catalogue file: one JSON object a line, of four kinds (see docs/catalog.md)."""

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from domain.market import Arch

FORMAT = 1
"""Version of the format. A reader refuses any other."""

MAX_FIGURE = 10**15
"""Far above any figure of AWS, and still exact as a float: a larger one is a mistake."""
MIN_NANO_USD_PER_VCPU = 1000
"""One micro-USD: below it a price could round to nothing."""

Count = Annotated[int, Field(ge=0, le=MAX_FIGURE)]
Positive = Annotated[int, Field(gt=0, le=MAX_FIGURE)]
UnitPrice = Annotated[int, Field(ge=MIN_NANO_USD_PER_VCPU, le=MAX_FIGURE)]
Name = Annotated[str, Field(min_length=1)]
Bucket = Annotated[int, Field(ge=0, le=4)]
SavingPercent = Annotated[int, Field(ge=-1000, lt=100)]
"""The advisor's feed holds a few negative savings (Spot above a newly cut on-demand price); never 100 or more."""


class Record(BaseModel):
    """What all records share: frozen, strict about types, no unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Header(Record):
    """First line: version of the format, date of the specifications, where the figures come from."""

    kind: Literal["header"] = "header"
    format: int
    specs_as_of: date
    sources: tuple[str, ...] = ()


class TypeSpec(Record):
    """An instance type as DescribeInstanceTypes tells it, less what planning never asks.

    ``pods`` is the ENI limit; ``accelerators`` are extended resources by Kubernetes name; ``memory_mib`` is nominal.
    """

    kind: Literal["type"] = "type"
    name: Annotated[str, Field(pattern=r"^[a-z0-9-]+\.[a-z0-9-]+$")]
    arch: Arch
    vcpu: Positive
    memory_mib: Positive
    pods: Count
    accelerators: dict[str, Positive] = {}
    gpu_count: Count = 0
    gpu_name: str = ""
    nvme_gb: Count = 0
    spot: bool = True
    bare_metal: bool = False
    burstable: bool = False
    current: bool = True

    @property
    def family(self) -> str:
        """``m6i`` of ``m6i.2xlarge``."""
        return self.name.partition(".")[0]

    @property
    def size(self) -> str:
        """``2xlarge`` of ``m6i.2xlarge``."""
        return self.name.partition(".")[2]


class AsOf(Record):
    """Dates of a region's figures, ``None`` for those it does not have."""

    offerings: date | None = None
    on_demand: date | None = None
    advisor: date | None = None
    spot: date | None = None


class ZoneRecord(Record):
    """An availability zone: its id, and the name it has in the account that asked (or is assumed to have)."""

    id: Name
    name: Name


class RegionRecord(Record):
    """A region, its zones in the order that zone masks and Spot prices follow, and the dates of its figures.

    ``names_assumed`` tells that no account was asked for the names of the zones.
    """

    kind: Literal["region"] = "region"
    region: Name
    zones: tuple[ZoneRecord, ...]
    names_assumed: bool = False
    as_of: AsOf

    @model_validator(mode="after")
    def _zones_differ(self) -> "RegionRecord":
        if len({zone.id for zone in self.zones}) < len(self.zones):
            raise ValueError("a zone id appears twice")
        return self


class FamilyFigures(Record):
    """Figures of one instance family in one region. All lists follow ``sizes``; an empty list means none is known.

    The on-demand price of a size is ``nano_usd_per_vcpu`` times its vCPUs, rounded to whole micro-USD, unless
    ``micro_usd`` names it (exact) or ``unpriced`` does (unknown). ``zones`` are bit masks over the region's zones.
    ``spot_micro_usd`` holds for each size a price per zone of the region, ``null`` where none is known.
    """

    kind: Literal["figures"] = "figures"
    region: str
    family: str
    sizes: Annotated[tuple[str, ...], Field(min_length=1)]
    zones: tuple[Positive, ...]
    nano_usd_per_vcpu: UnitPrice | None = None
    micro_usd: dict[str, Positive] = {}
    unpriced: tuple[str, ...] = ()
    saving_percent: tuple[SavingPercent | None, ...] = ()
    bucket: tuple[Bucket | None, ...] = ()
    spot_micro_usd: tuple[tuple[Positive | None, ...], ...] = ()

    @model_validator(mode="after")
    def _lists_follow_sizes(self) -> "FamilyFigures":
        if len(set(self.sizes)) < len(self.sizes):
            raise ValueError("a size appears twice")
        for name in ("zones", "saving_percent", "bucket", "spot_micro_usd"):
            found, optional = len(getattr(self, name)), name != "zones"
            if found != len(self.sizes) and not (optional and found == 0):
                raise ValueError(f"{name} has {found} entries for {len(self.sizes)} sizes")
        if strangers := (self.micro_usd.keys() | set(self.unpriced)) - set(self.sizes):
            raise ValueError(f"prices name sizes that are not listed: {', '.join(sorted(strangers))}")
        return self


AnyRecord = Annotated[Header | TypeSpec | RegionRecord | FamilyFigures, Field(discriminator="kind")]
