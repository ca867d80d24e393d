"""Figures of a region by instance type, and how they pack into records per family without loss."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from adapters.catalog.book import Book, PackedRegion
from adapters.catalog.records import MIN_NANO_USD_PER_VCPU, AsOf, FamilyFigures, RegionRecord, TypeSpec, ZoneRecord
from domain.market import Zone

NANO_PER_MICRO = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What the Spot advisor says of a type in a region: mean saving against on-demand, interruption bucket 0..4."""

    saving_percent: int
    bucket: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionFigures:
    """What is known of a region, by instance type.

    ``names_assumed`` tells that the names of the zones come from no account.
    ``offered`` holds the zone ids that have the type. ``spot_micro_usd`` is by type and zone id. Money is micro-USD/h.
    """

    region: str
    zones: tuple[Zone, ...]
    names_assumed: bool
    as_of: AsOf
    offered: Mapping[str, frozenset[str]]
    on_demand_micro_usd: Mapping[str, int]
    advice: Mapping[str, Advice]
    spot_micro_usd: Mapping[tuple[str, str], int]


def pack_region(figures: RegionFigures, types: Mapping[str, TypeSpec]) -> PackedRegion:
    """Figures as records per family. What concerns types without specification or without a zone is dropped."""
    families: defaultdict[str, list[TypeSpec]] = defaultdict(list)
    for name, zone_ids in figures.offered.items():
        if zone_ids and name in types:
            families[types[name].family].append(types[name])
    packed = []
    for family, members in sorted(families.items()):
        members.sort(key=lambda t: (t.vcpu, t.memory_mib, t.name))
        packed.append(_pack_family(figures, family, members))
    zones = tuple(ZoneRecord(id=zone.id, name=zone.name) for zone in figures.zones)
    record = RegionRecord(region=figures.region, zones=zones, names_assumed=figures.names_assumed, as_of=figures.as_of)
    return PackedRegion(record=record, figures=tuple(packed))


def unpack_region(book: Book, region: str) -> RegionFigures:
    """Figures of one region of a book, exactly those that were packed."""
    packed = book.regions[region]
    zones = tuple(Zone(id=zone.id, name=zone.name) for zone in packed.record.zones)
    offered: dict[str, frozenset[str]] = {}
    on_demand: dict[str, int] = {}
    advice: dict[str, Advice] = {}
    spot: dict[tuple[str, str], int] = {}
    for family in packed.figures:
        for index, size in enumerate(family.sizes):
            name = f"{family.family}.{size}"
            offered[name] = frozenset(z.id for bit, z in enumerate(zones) if family.zones[index] >> bit & 1)
            if (price := _price(family, size, book.types[name].vcpu)) is not None:
                on_demand[name] = price
            if (advised := _advice(family, index)) is not None:
                advice[name] = advised
            own = family.spot_micro_usd[index] if family.spot_micro_usd else (None,) * len(zones)
            spot |= {(name, zone.id): paid for zone, paid in zip(zones, own, strict=True) if paid is not None}
    return RegionFigures(
        region=region,
        zones=zones,
        names_assumed=packed.record.names_assumed,
        as_of=packed.record.as_of,
        offered=offered,
        on_demand_micro_usd=on_demand,
        advice=advice,
        spot_micro_usd=spot,
    )


def _pack_family(figures: RegionFigures, family: str, members: Sequence[TypeSpec]) -> FamilyFigures:
    prices = {t.size: figures.on_demand_micro_usd[t.name] for t in members if t.name in figures.on_demand_micro_usd}
    vcpus = {t.size: t.vcpu for t in members}
    unit = _unit_price(prices, vcpus)
    advice = [figures.advice.get(t.name) for t in members]
    spot = tuple(tuple(figures.spot_micro_usd.get((t.name, z.id)) for z in figures.zones) for t in members)
    return FamilyFigures(
        region=figures.region,
        family=family,
        sizes=tuple(vcpus),
        zones=tuple(_mask(figures.zones, figures.offered[t.name]) for t in members),
        nano_usd_per_vcpu=unit,
        micro_usd={size: p for size, p in prices.items() if unit is None or _product(unit, vcpus[size]) != p},
        unpriced=tuple(size for size in vcpus if size not in prices),
        saving_percent=tuple(a.saving_percent if a else None for a in advice) if any(advice) else (),
        bucket=tuple(a.bucket if a else None for a in advice) if any(advice) else (),
        spot_micro_usd=spot if any(price for row in spot for price in row) else (),
    )


def _unit_price(prices: Mapping[str, int], vcpus: Mapping[str, int]) -> int | None:
    """The price per vCPU, in nano-USD, that gives the most sizes of a family exactly."""
    candidates = {round(price * NANO_PER_MICRO / vcpus[size]) for size, price in prices.items()}
    sound = [unit for unit in candidates if unit >= MIN_NANO_USD_PER_VCPU]
    hits = {unit: sum(_product(unit, vcpus[size]) == p for size, p in prices.items()) for unit in sound}
    return max(hits, key=lambda unit: (hits[unit], -unit), default=None)


def _product(nano_usd_per_vcpu: int, vcpu: int) -> int:
    return (nano_usd_per_vcpu * vcpu + NANO_PER_MICRO // 2) // NANO_PER_MICRO


def _price(family: FamilyFigures, size: str, vcpu: int) -> int | None:
    if size in family.unpriced:
        return None
    if size in family.micro_usd or family.nano_usd_per_vcpu is None:
        return family.micro_usd[size]
    return _product(family.nano_usd_per_vcpu, vcpu)


def _advice(family: FamilyFigures, index: int) -> Advice | None:
    saving = family.saving_percent[index] if family.saving_percent else None
    bucket = family.bucket[index] if family.bucket else None
    return None if saving is None or bucket is None else Advice(saving_percent=saving, bucket=bucket)


def _mask(zones: Sequence[Zone], offered: frozenset[str]) -> int:
    return sum(1 << bit for bit, zone in enumerate(zones) if zone.id in offered)
