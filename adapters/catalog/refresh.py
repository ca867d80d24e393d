"""Build a catalogue file from AWS: what can be had anew, the last good figures for the rest."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TypeVar

from adapters.catalog import aws
from adapters.catalog.advisor import ADVISOR_URL, AdviceByRegion, fetch_advisor
from adapters.catalog.book import Book, PackedRegion, baseline_book, read_book, write_book
from adapters.catalog.figures import RegionFigures, pack_region, unpack_region
from adapters.catalog.records import AsOf, TypeSpec
from domain.errors import InputError, RejectedError, TransientError
from domain.market import Zone

T = TypeVar("T")

SPECS, OFFERINGS = "DescribeInstanceTypes", "DescribeInstanceTypeOfferings"
SPOT, ON_DEMAND, ADVISOR = "DescribeSpotPriceHistory", "GetProducts", "Spot advisor feed"
ZONES = "DescribeAvailabilityZones"
SOURCES = ("AWS APIs and the Spot advisor feed for the regions refreshed, the catalogue before that for the others",)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFailure:
    """A call that failed for good: the figures it would have brought are the last good ones, if there are any."""

    region: str
    call: str
    problem: str

    def __str__(self) -> str:
        return f"{self.region}: {self.call}: {self.problem}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshReport:
    """What a refresh did. ``refreshed`` are regions with at least one new figure; with none, no file was written."""

    path: Path
    refreshed: tuple[str, ...]
    failures: tuple[CallFailure, ...]


@dataclass(slots=True, kw_only=True)
class _Run:
    """One refresh on its way: what is known so far, and what failed."""

    types: dict[str, TypeSpec]
    regions: dict[str, PackedRegion]
    specs_as_of: date
    now: datetime
    on_progress: Callable[[str], None]
    failures: list[CallFailure] = field(default_factory=list)
    refreshed: list[str] = field(default_factory=list)

    def attempt(self, region: str, call: str, work: Callable[[], T]) -> T | None:
        """The result of a call, or ``None`` and a failure on record."""
        self.on_progress(f"{region}: {call}")
        try:
            return work()
        except (TransientError, RejectedError) as err:
            self.failures.append(CallFailure(region=region, call=call, problem=str(err)))
            return None


def refresh_catalog(
    regions: Iterable[str],
    *,
    out: Path,
    clients: aws.ClientFactory | None = None,
    advisor: Callable[[], AdviceByRegion] | str = ADVISOR_URL,
    now: datetime | None = None,
    on_progress: Callable[[str], None] = lambda _: None,
) -> RefreshReport:
    """Ask AWS about some regions and write a catalogue file that `load_catalog` reads.

    Parameters
    ----------
    out
        The file. Where it exists already it is the last good catalogue, else the carried one is: regions not asked
        for, and figures of failed calls, come from there, each with its own date.
    clients
        Makes boto3 clients; by default from the usual AWS configuration.
    advisor
        Address of the advisor feed, or what fetches it.
    now
        The present in UTC.
    on_progress
        Told in a few words of each call before it is made.

    Raises
    ------
    InputError
        When no region is given, or ``out`` is malformed or cannot be written. A failing call raises nothing: the
        report names it with its region.
    """
    wanted = tuple(dict.fromkeys(regions))
    if not wanted:
        raise InputError("catalogue refresh", "regions", "is empty: name at least one region")
    last = read_book(out) if out.exists() else baseline_book()
    run = _Run(
        types=dict(last.types),
        regions=dict(last.regions),
        specs_as_of=last.header.specs_as_of,
        now=now or datetime.now(UTC),
        on_progress=on_progress,
    )
    make = clients or aws.boto_clients()
    fetch = (lambda: fetch_advisor(advisor)) if isinstance(advisor, str) else advisor
    advice = run.attempt("all regions", ADVISOR, fetch) or {}
    for region in wanted:
        before = unpack_region(last, region) if region in last.regions else _nothing(region)
        _refresh_region(run, before, make=make, advice=advice)
    if run.refreshed:
        write_book(_book(run, last), out)
    return RefreshReport(path=out, refreshed=tuple(run.refreshed), failures=tuple(run.failures))


def _refresh_region(run: _Run, before: RegionFigures, *, make: aws.ClientFactory, advice: AdviceByRegion) -> None:
    region, today = before.region, run.now.date()
    figures = before
    specs = run.attempt(region, SPECS, lambda: aws.fetch_specs(make("ec2", region)))
    if specs:
        run.types |= specs
        run.specs_as_of = today
    if zones := run.attempt(region, ZONES, lambda: aws.fetch_zones(make("ec2", region))):
        figures = _with_offerings(run, figures, zones=zones, make=make)
        spot = run.attempt(region, SPOT, lambda: aws.fetch_spot(make("ec2", region), zones, now=run.now))
        if spot:
            figures = replace(figures, spot_micro_usd=spot, as_of=_dated(figures, AsOf(spot=today)))
    prices = run.attempt(region, ON_DEMAND, lambda: aws.fetch_on_demand(make("pricing", aws.PRICING_REGION), region))
    if prices:
        figures = replace(figures, on_demand_micro_usd=prices, as_of=_dated(figures, AsOf(on_demand=today)))
    if region in advice:
        figures = replace(figures, advice=advice[region], as_of=_dated(figures, AsOf(advisor=today)))
    elif advice:
        run.failures.append(CallFailure(region=region, call=ADVISOR, problem="the feed does not know this region"))
    if specs or figures is not before:
        run.refreshed.append(region)
        run.regions[region] = pack_region(figures, run.types)


def _with_offerings(
    run: _Run, figures: RegionFigures, *, zones: tuple[Zone, ...], make: aws.ClientFactory
) -> RegionFigures:
    """Zones and what they offer change together: old offerings may speak of zones that are gone."""
    region = figures.region
    offered = run.attempt(region, OFFERINGS, lambda: aws.fetch_offered(make("ec2", region), zones))
    if not offered:
        return figures
    dates = _dated(figures, AsOf(offerings=run.now.date()))
    return replace(figures, zones=zones, names_assumed=False, offered=offered, as_of=dates)


def _dated(figures: RegionFigures, newer: AsOf) -> AsOf:
    return figures.as_of.model_copy(update=newer.model_dump(exclude_none=True))


def _nothing(region: str) -> RegionFigures:
    return RegionFigures(
        region=region,
        zones=(),
        names_assumed=False,
        as_of=AsOf(),
        offered={},
        on_demand_micro_usd={},
        advice={},
        spot_micro_usd={},
    )


def _book(run: _Run, last: Book) -> Book:
    header = last.header.model_copy(update={"specs_as_of": run.specs_as_of, "sources": SOURCES})
    return Book(name=str(last.name), header=header, types=run.types, regions=run.regions)
