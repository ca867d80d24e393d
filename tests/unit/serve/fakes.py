"""An engine that plans nothing: it hands out what a test gives it and remembers what it was asked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from domain.errors import InputError
from domain.market import Catalog, Zone
from domain.plan import Plan, Progress
from domain.policy import Policy
from domain.snapshot import Snapshot
from serve.cli.engine import Engine, KubeObjects, Planned, SolverOptions
from tests.unit.serve.builders import CATALOG, ZONES, make_plan, make_snapshot


@dataclass(kw_only=True)
class Stage:
    """What the parts answer, and what they were asked."""

    snapshot: Snapshot = field(default_factory=lambda: make_snapshot(nodes=6, pods_per_node=3))
    objects: list[dict[str, Any]] = field(default_factory=list)
    error: BaseException | None = None
    while_planning: Callable[[Callable[[], float]], None] = lambda _: None
    asked: dict[str, Any] = field(default_factory=dict)

    def engine(self) -> Engine:
        return Engine(
            read_files=self._read_files,
            read_context=self._read_context,
            snapshot=self._snapshot,
            regions=lambda _: ("us-east-1",),
            zones_of=self._zones_of,
            load_catalog=self._load_catalog,
            plan=self._plan,
            clock=lambda: 100.0,
            now=lambda: datetime(2026, 11, 1, tzinfo=UTC),
        )

    def _read_files(self, files: Sequence[str]) -> KubeObjects:
        self.asked["files"] = tuple(files)
        return self.objects

    def _read_context(self, context: str | None, kubeconfig: Path | None) -> KubeObjects:
        self.asked["context"] = context, kubeconfig
        return self.objects

    def _zones_of(self, region: str, _path: Path | None) -> tuple[Zone, ...]:
        if region != "us-east-1":
            raise InputError(f"region {region}", "", "is not in the catalogue")
        return ZONES

    def _snapshot(
        self,
        objects: KubeObjects,
        *,
        region: str | None,
        zones: Sequence[Zone],
        observed_at: datetime | None,
        from_scratch: bool,
    ) -> Snapshot:
        self.asked |= {"region": region, "zones": tuple(zones), "observed_at": observed_at}
        return self.snapshot

    def _load_catalog(self, region: str, *, zones: Sequence[Zone], path: Path | None) -> Catalog:
        self.asked["catalog"] = path
        return CATALOG

    def _plan(
        self,
        snapshot: Snapshot,
        *,
        catalog: Catalog,
        policy: Policy,
        options: SolverOptions,
        clock: Callable[[], float],
        on_progress: Callable[[Progress], None],
    ) -> Planned:
        if self.error is not None:
            raise self.error
        started = clock()
        self.asked |= {"policy": policy, "options": options}
        plan: Plan = make_plan(snapshot, seed=options.seed)
        for moment in plan.trace:
            on_progress(moment)
        self.while_planning(clock)
        seconds = clock() - started + plan.seconds
        return snapshot, replace(plan, seconds=seconds)
