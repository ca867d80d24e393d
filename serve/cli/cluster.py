"""From options and files to a snapshot: where objects come from, which region and zones are meant."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from domain import labels as keys
from domain.errors import InputError
from domain.market import Zone
from domain.snapshot import Snapshot
from serve.cli.engine import Engine, KubeObjects

_EXAMPLES_SHOWN = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a cluster is read from, and where nodes may be launched.

    ``live`` reads the ``context`` of a kubeconfig (its current one when empty) instead of ``files``.
    """

    files: tuple[str, ...]
    live: bool = False
    context: str | None = None
    kubeconfig: Path | None = None
    region: str | None = None
    zones: tuple[str, ...] = ()
    catalog: Path | None = None
    from_scratch: bool = False


def read_cluster(source: Source, engine: Engine) -> Snapshot:
    """The snapshot to plan.

    Raises
    ------
    InputError
        For everything that is wrong with the input, by object and field.
    """
    live = source.live
    objects = engine.read_context(source.context, source.kubeconfig) if live else engine.read_files(source.files)
    if source.region is not None:
        engine.zones_of(source.region, source.catalog)
    return engine.snapshot(
        objects,
        region=source.region,
        zones=_zones(source, objects, engine=engine),
        observed_at=engine.now() if live else None,
        from_scratch=source.from_scratch,
    )


def _zones(source: Source, objects: KubeObjects, *, engine: Engine) -> tuple[Zone, ...]:
    if source.zones:
        told = tuple(_zones_told(objects))
        known = told + tuple(_zones_of_catalog(source, engine))
        return tuple(dict.fromkeys(_find(wanted, known) for wanted in source.zones))
    has_nodes = any(each.get("kind") == "Node" for each in objects)
    if source.region is not None and not has_nodes:
        return engine.zones_of(source.region, source.catalog)
    return ()


def _find(wanted: str, known: Sequence[Zone]) -> Zone:
    """What the cluster says comes first in ``known``: it knows its account's names, the catalogue assumes them."""
    for zone in known:
        if wanted in (zone.id, zone.name):
            return zone
    shown = ", ".join(f"{zone.id} ({zone.name})" for zone in known[:_EXAMPLES_SHOWN])
    raise InputError("--zones", wanted, f"is no known zone; there are {shown or 'none'}")


def _zones_told(objects: KubeObjects) -> Iterator[Zone]:
    """Zones that nodes tell by name and id."""
    for each in objects:
        metadata = each.get("metadata") if each.get("kind") == "Node" else None
        labels = metadata.get("labels") if isinstance(metadata, dict) else None
        if not isinstance(labels, dict):
            continue
        name, zone_id = labels.get(keys.ZONE), labels.get(keys.ZONE_ID)
        if isinstance(name, str) and isinstance(zone_id, str):
            yield Zone(id=zone_id, name=name)


def _zones_of_catalog(source: Source, engine: Engine) -> Iterable[Zone]:
    names = (source.region,) if source.region is not None else engine.regions(source.catalog)
    return [zone for region in names for zone in engine.zones_of(region, source.catalog)]
