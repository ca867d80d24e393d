"""The catalogue of a region as the domain wants it: types, and offerings for the zones asked for."""

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from adapters.catalog.book import Book, baseline_book, read_book
from adapters.catalog.figures import Advice, RegionFigures, unpack_region
from adapters.catalog.hazard import INTERRUPTION_PER_MONTH, UNKNOWN_INTERRUPTION_PER_MONTH
from adapters.catalog.live import LiveFigures, with_live
from adapters.catalog.records import TypeSpec
from adapters.catalog.specs import to_instance_type
from domain.errors import InputError
from domain.market import CapacityType, Catalog, InstanceType, Offering, Pool, Zone
from domain.units import MICRO_USD_PER_USD


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotPrice:
    """A Spot price in micro-USD per hour, and whether it is the zone's own or the mean of the region."""

    micro_usd_per_h: float
    by_zone: bool


def regions(path: Path | None = None) -> tuple[str, ...]:
    """Names of the regions that the catalogue (the carried one by default) covers, sorted."""
    return tuple(sorted(_book(path).regions))


def zones_of(region: str, path: Path | None = None) -> tuple[Zone, ...]:
    """Availability zones of a region.

    In the carried catalogue the names are an assumption: letters a, b, c… in the order of the ids. Which name an id has
    differs between AWS accounts; a refreshed catalogue holds those of the account that asked.

    Raises
    ------
    InputError
        When the catalogue does not know the region; lists those it knows.
    """
    book = _book(path)
    _refuse_unknown_region(book, region)
    return _zones(book, region)


def describe_type(name: str, *, path: Path | None = None) -> InstanceType:
    """One instance type, wherever it is offered.

    Raises
    ------
    InputError
        When the catalogue does not know the type; names the closest ones.
    """
    types = _book(path).types
    if name in types:
        return to_instance_type(types[name])
    close = difflib.get_close_matches(name, types, n=3)
    hint = f"; close: {', '.join(close)}" if close else ""
    raise InputError(f"instance type {name}", "", f"is not in the catalogue{hint}")


def load_catalog(
    region: str, *, zones: Sequence[Zone] = (), path: Path | None = None, live: LiveFigures | None = None
) -> Catalog:
    """Types of a region and all on-demand and Spot offerings in exactly these zones.

    Parameters
    ----------
    zones
        Zones by id; empty means all of the region. A zone name may stand in for an id: in a refreshed catalogue it is
        the zone of that name in the account that was asked. Any other unknown zone is taken to offer all types of the
        region. A note tells either.
    path
        A catalogue file written by a refresh; the carried one by default.
    live
        Figures of the region that AWS has told lately; they go over those of the file.

    Raises
    ------
    InputError
        For an unknown region (lists those known), a zone of another region, a malformed file (names line and field).

    Notes
    -----
    Without a price by zone, Spot costs on-demand less the advisor's mean saving, at most on-demand: a Spot request bids
    the on-demand price unless told otherwise. Interruption probabilities come from the advisor's bucket (`hazard`).
    """
    book = _book(path)
    _refuse_unknown_region(book, region)
    _refuse_zones_of_others(book, region, zones)
    figures = with_live(unpack_region(book, region), live)
    chosen = tuple({zone.id: zone for zone in zones}.values()) or figures.zones
    types = {name: to_instance_type(book.types[name]) for name in figures.offered}
    offerings = tuple(_offerings(figures, _sources(figures, chosen), book.types))
    if not offerings:
        raise InputError(book.name, region, "has no price for any type in these zones; refresh it")
    notes = (*_notes_on_figures(figures, types, offerings), *_notes_on_zones(figures, zones))
    return Catalog(
        region=region,
        as_of=_as_of(figures, default=book.header.specs_as_of),
        types=types,
        offerings=offerings,
        notes=notes,
    )


def _book(path: Path | None) -> Book:
    return baseline_book() if path is None else read_book(path)


def _zones(book: Book, region: str) -> tuple[Zone, ...]:
    return tuple(Zone(id=zone.id, name=zone.name) for zone in book.regions[region].record.zones)


def _refuse_unknown_region(book: Book, region: str) -> None:
    if region not in book.regions:
        known = ", ".join(sorted(book.regions)) or "none"
        raise InputError(f"region {region}", "", f"is not in the catalogue, which knows: {known}")


def _refuse_zones_of_others(book: Book, region: str, zones: Sequence[Zone]) -> None:
    for zone in zones:
        for other in book.regions.keys() - {region}:
            if zone.id in {z.id for z in _zones(book, other)} or _is_zone_name_in(zone.id, other):
                raise InputError(f"zone {zone.id}", "", f"lies in {other}, not in {region}")


def _is_zone_name_in(name: str, region: str) -> bool:
    return name[:-1] == region and name[-1:].isalpha()


def _sources(figures: RegionFigures, zones: Sequence[Zone]) -> dict[Zone, str | None]:
    """For each zone the known zone id whose figures it takes, ``None`` for a zone that the catalogue cannot tell."""
    known = {zone.id: zone.id for zone in figures.zones}
    if not figures.names_assumed:
        known |= {zone.name: zone.id for zone in figures.zones}
    return {zone: known.get(zone.id) for zone in zones}


def _offerings(
    figures: RegionFigures, sources: Mapping[Zone, str | None], types: Mapping[str, TypeSpec]
) -> Iterator[Offering]:
    for name, zone_ids in figures.offered.items():
        on_demand = figures.on_demand_micro_usd.get(name)
        for zone, source in sources.items():
            if source is not None and source not in zone_ids:
                continue
            pool = Pool(region=figures.region, zone_id=zone.id, instance_type=name)
            if on_demand is not None:
                price = on_demand / MICRO_USD_PER_USD
                yield Offering(pool=pool, zone=zone, capacity_type=CapacityType.ON_DEMAND, price_usd_per_h=price)
            spot = _spot_price(figures, name, source) if types[name].spot else None
            if spot is not None:
                yield _spot_offering(pool, zone, price=spot, advice=figures.advice.get(name))


def _spot_offering(pool: Pool, zone: Zone, *, price: SpotPrice, advice: Advice | None) -> Offering:
    return Offering(
        pool=pool,
        zone=zone,
        capacity_type=CapacityType.SPOT,
        price_usd_per_h=price.micro_usd_per_h / MICRO_USD_PER_USD,
        interruption_per_month=INTERRUPTION_PER_MONTH[advice.bucket] if advice else UNKNOWN_INTERRUPTION_PER_MONTH,
        price_known_by_zone=price.by_zone,
    )


def _spot_price(figures: RegionFigures, name: str, zone_id: str | None) -> SpotPrice | None:
    own = figures.spot_micro_usd.get((name, zone_id)) if zone_id else None
    if own is not None:
        return SpotPrice(micro_usd_per_h=own, by_zone=True)
    on_demand, advice = figures.on_demand_micro_usd.get(name), figures.advice.get(name)
    if on_demand is not None and advice is not None:
        share = min(1.0, 1 - advice.saving_percent / 100)
        return SpotPrice(micro_usd_per_h=on_demand * share, by_zone=False)
    return None


def _as_of(figures: RegionFigures, *, default: date) -> date:
    """The oldest date of what prices are made of: a catalogue is as old as its oldest part."""
    dates = figures.as_of
    parts = (dates.on_demand, dates.spot or dates.advisor, dates.offerings)
    return min((day for day in parts if day), default=default)


def _notes_on_figures(
    figures: RegionFigures, types: Mapping[str, InstanceType], offerings: Iterable[Offering]
) -> Iterator[str]:
    dates, spot = figures.as_of, [o for o in offerings if o.capacity_type == CapacityType.SPOT]
    yield f"On-demand prices of {figures.region} as of {dates.on_demand or 'an unknown date'}."
    if any(not o.price_known_by_zone for o in spot):
        yield f"Spot prices not known by zone are means of the region as of {dates.advisor}: on-demand less the saving."
    if any(o.price_known_by_zone for o in spot):
        yield f"Spot prices by zone as of {dates.spot}."
    if unpriced := sum(name not in figures.on_demand_micro_usd for name in types):
        yield f"{unpriced} of {len(types)} types offered here have no on-demand price in the catalogue: left out."
    priced = {o.pool.instance_type for o in spot}
    if silent := sum(t.spot and name not in priced for name, t in types.items()):
        yield f"{silent} types can run as Spot but have no Spot price in the catalogue: not offered as Spot."
    if unknown := len(priced - figures.advice.keys()):
        share = f"{UNKNOWN_INTERRUPTION_PER_MONTH:.0%}"
        yield f"{unknown} Spot types have no interruption figure: taken as {share} a month, the mean of all."


def _notes_on_zones(figures: RegionFigures, zones: Sequence[Zone]) -> Iterator[str]:
    for zone, source in _sources(figures, zones).items():
        if source is None:
            yield f"Zone id {zone.id} is not in the catalogue: taken to offer every type of {figures.region}."
        elif source != zone.id:
            yield f"Zone {zone.id} has no id: taken to be {source}, its id in the account that the catalogue came from."
    if not zones and figures.names_assumed:
        yield f"Zone names of {figures.region} are assumed in the order of their ids; they differ between AWS accounts."
