"""The parts that the commands are made of, in one value so that tests hand in others."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from adapters.catalog import load_catalog, regions, zones_of
from adapters.kubernetes.documents import read_documents
from adapters.kubernetes.snapshot import snapshot_from_objects
from domain.market import Catalog, Zone
from domain.plan import Plan, Progress
from domain.policy import Policy
from domain.snapshot import Snapshot

KubeObjects = Sequence[dict[str, Any]]
Planned = tuple[Snapshot, Plan]


@dataclass(frozen=True, slots=True, kw_only=True)
class SolverOptions:
    """How long and from what to plan.

    Parameters
    ----------
    time_limit_s
        Seconds after which the best plan so far is taken.
    work_limit
        Amount of work after which it is taken, in the solver's own unit; the same on every machine, unlike time.
    seed
        Seed of every random choice.
    from_scratch
        Ignore what runs.
    """

    time_limit_s: float = 10.0
    work_limit: int | None = None
    seed: int = 0
    from_scratch: bool = False


class Planner(Protocol):
    """Makes a plan that has passed the checker, and says which snapshot it is for."""

    def __call__(
        self,
        snapshot: Snapshot,
        *,
        catalog: Catalog,
        policy: Policy,
        options: SolverOptions,
        clock: Callable[[], float],
        on_progress: Callable[[Progress], None],
    ) -> Planned:
        """Plan; raises `domain.errors.InputError` for input that cannot be planned."""


class CatalogLoader(Protocol):
    """Loads types and offerings of a region."""

    def __call__(self, region: str, *, zones: Sequence[Zone], path: Path | None) -> Catalog:
        """Load; raises `domain.errors.InputError` for an unknown region."""


class SnapshotReader(Protocol):
    """Makes a snapshot of Kubernetes objects."""

    def __call__(
        self,
        objects: KubeObjects,
        *,
        region: str | None,
        zones: Sequence[Zone],
        observed_at: datetime | None,
        from_scratch: bool,
    ) -> Snapshot:
        """Read; raises `domain.errors.InputError` naming object and field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """Everything that ``spotopt plan`` calls outside of serve.

    Times: ``clock`` counts seconds from any moment, ``now`` is UTC.
    """

    read_files: Callable[[Sequence[str]], KubeObjects]
    read_context: Callable[[str | None, Path | None], KubeObjects]
    snapshot: SnapshotReader
    regions: Callable[[Path | None], tuple[str, ...]]
    zones_of: Callable[[str, Path | None], tuple[Zone, ...]]
    load_catalog: CatalogLoader
    plan: Planner
    clock: Callable[[], float]
    now: Callable[[], datetime]


def real_engine() -> Engine:
    """The engine that reads files and clusters, and plans."""
    return Engine(
        read_files=read_documents,
        read_context=_read_context,
        snapshot=snapshot_from_objects,
        regions=regions,
        zones_of=zones_of,
        load_catalog=load_catalog,
        plan=_plan,
        clock=time.monotonic,
        now=lambda: datetime.now(UTC),
    )


def _read_context(context: str | None, kubeconfig: Path | None) -> KubeObjects:
    # The Kubernetes client takes a second to import, which reading files should not wait for.
    from adapters.kubernetes.live import fetch_objects

    return asyncio.run(fetch_objects(context, kubeconfig))


def _plan(
    snapshot: Snapshot,
    *,
    catalog: Catalog,
    policy: Policy,
    options: SolverOptions,
    clock: Callable[[], float],
    on_progress: Callable[[Progress], None],
) -> Planned:
    # OR-Tools and numba take a second to import: bad input should be told before that.
    from solvers.placement import Settings
    from solvers.planning import checked_plan

    settings = Settings(
        seed=options.seed,
        time_limit_s=options.time_limit_s,
        work_limit=options.work_limit,
        from_scratch=options.from_scratch,
    )
    return checked_plan(
        snapshot, catalog=catalog, policy=policy, settings=settings, clock=clock, on_progress=on_progress
    )
