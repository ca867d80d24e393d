"""``spotopt catalog``: what instance types cost, and newer figures from AWS."""

from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from adapters.catalog import load_catalog, regions
from domain.errors import InputError, TransientError
from domain.market import CapacityType, Catalog, InstanceType
from domain.units import GIB
from serve import words
from serve.cli.options import NAMES

_FILE = click.Path(dir_okay=False, path_type=Path)
_ROWS_SHOWN = 40


@click.group()
def catalog() -> None:
    """Instance types, prices and interruption risk that planning knows."""


@catalog.command()
@click.argument("types", nargs=-1, metavar="[TYPE|FAMILY]…")
@click.option("--region", metavar="REGION", help="Show this region; without it the regions are listed.")
@click.option("--file", "file", type=_FILE, metavar="FILE", help="A catalogue that 'catalog refresh' wrote.")
def show(types: tuple[str, ...], region: str | None, file: Path | None) -> None:
    """Show regions, or the types of one with their prices."""
    console = Console()
    if region is None:
        if types:
            raise InputError("--region", "", "is missing: prices differ between regions")
        for name in regions(file):
            console.print(name, highlight=False)
        return
    _show_region(console, load_catalog(region, path=file), types)


@catalog.command()
@click.option("--regions", "names", type=NAMES, required=True, metavar="A,B", help="Regions to ask AWS about.")
@click.option("--out", type=_FILE, required=True, metavar="FILE", help="Where to write; plan --catalog reads it.")
def refresh(names: tuple[str, ...], out: Path) -> None:
    """Ask AWS for today's types, offerings and prices. Needs AWS credentials that may describe and read prices."""
    # boto3 takes half a second to import, which no other command should wait for.
    from adapters.catalog.refresh import refresh_catalog

    errors = Console(stderr=True)
    report = refresh_catalog(
        names,
        out=out,
        now=datetime.now(UTC),
        on_progress=lambda text: errors.print(f" {text}", highlight=False, markup=False, soft_wrap=True),
    )
    for failure in report.failures:
        click.echo(f"warning: {failure}; the last known figures are kept", err=True)
    if not report.refreshed:
        raise TransientError(f"catalogue {out}: nothing could be refreshed, no file was written")
    click.echo(f"{report.path}: {', '.join(report.refreshed)} refreshed")


def _show_region(console: Console, found: Catalog, wanted: tuple[str, ...]) -> None:
    types = [each for each in found.types.values() if not wanted or {each.name, each.family} & set(wanted)]
    if not types:
        raise InputError("TYPE", ", ".join(wanted), f"is neither a type nor a family of {found.region}")
    prices = _cheapest(found)
    types.sort(key=lambda each: (each.family, each.vcpu, each.name))
    table = Table(box=None, title=f"{found.region}, as of {found.as_of}, cheapest zone", title_justify="left")
    for name in ("type", "arch", "vCPU", "memory", "on-demand $/h", "Spot $/h"):
        table.add_column(name, justify="left" if name in ("type", "arch") else "right", header_style="dim")
    for each in types[:_ROWS_SHOWN]:
        table.add_row(*_row(each, prices))
    console.print(table)
    if len(types) > _ROWS_SHOWN:
        console.print(f"… {words.plural(len(types) - _ROWS_SHOWN, 'more type')}; name types or families to see them")


def _row(each: InstanceType, prices: dict[tuple[str, CapacityType], float]) -> list[str]:
    costs = [prices.get((each.name, kind)) for kind in (CapacityType.ON_DEMAND, CapacityType.SPOT)]
    memory = words.gibibytes(each.memory_bytes) if each.memory_bytes >= GIB else f"{each.memory_bytes / GIB:.2g} GiB"
    return [each.name, each.arch, str(each.vcpu), memory, *("–" if c is None else f"{c:.4f}" for c in costs)]


def _cheapest(found: Catalog) -> dict[tuple[str, CapacityType], float]:
    prices: dict[tuple[str, CapacityType], float] = {}
    for offering in found.offerings:
        key = offering.pool.instance_type, offering.capacity_type
        prices[key] = min(prices.get(key, offering.price_usd_per_h), offering.price_usd_per_h)
    return prices
