"""From a scenario to what one replication plays on: a market with its past, and what runs on the clusters."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adapters.catalog import describe_type, load_catalog
from adapters.catalog.hazard import UNKNOWN_INTERRUPTION_PER_MONTH
from adapters.scenarios.model import Generated, InstanceTypeSpec, Recorded, Scenario
from adapters.traces.openb import read_arrivals
from adapters.traces.prices import read_price_table
from adapters.traces.skypilot import Series, read_recordings
from domain.errors import InputError
from domain.market import Arch, CapacityType, Catalog, InstanceType, Pool, Zone
from domain.resources import Resources
from domain.units import GIB, HOURS_PER_MONTH, MCPU_PER_CPU, MIB
from solvers.interruption.history import History, SeenPool
from solvers.replay.generator import Bursts, Generator, Spans, Steps, fit
from solvers.replay.market import (
    PLENTY,
    SECONDS_PER_H,
    Market,
    Notice,
    PoolTape,
    PriceCurve,
    constant_price,
)
from solvers.replay.recorded import Stretch, capacity_steps, window
from solvers.replay.workload import Arrival, PodGroup, Workload

LEAD_S = 7 * 24 * SECONDS_PER_H
"""How much of the past before a replication a model may look at: its longest season."""
SEEN_EVERY_S = 600.0
"""Ticks at which a generated market is seen by a model."""
START = datetime(2026, 1, 5, tzinfo=UTC)
"""Where simulated time begins unless the recording says: a Monday."""
_KUBE_MCPU, _KUBE_SHARE = 100, 0.93
"""What is left for pods of a type that the catalogue does not know: all but 0.1 CPU, and 93 % of the memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What one replication plays on.

    Parameters
    ----------
    history
        All pools that were seen, from ``lead_s`` before the start up to the horizon; its first rows are the market's
        tapes, in their order.
    catalog
        Types and offerings at the start.
    start
        Simulated time 0 (UTC).
    """

    market: Market
    catalog: Catalog
    workload: Workload
    history: History
    lead_s: float
    start: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """Pools with what is seen of them, (pools, ticks), and the tapes of those in the region."""

    pools: tuple[SeenPool, ...]
    up: NDArray[np.bool_]
    tick_s: float
    lead_s: float
    tapes: tuple[tuple[str, str, Steps], ...]
    start: datetime | None = None
    stretch: Stretch | None = None


class Builder:
    """Reads what a scenario names once, and makes the stage of any replication from it.

    Parameters
    ----------
    data
        Folder against which paths in the scenario are resolved.
    """

    def __init__(self, scenario: Scenario, data: Path) -> None:
        self.scenario = scenario
        self._data = data
        self._catalog = load_catalog(scenario.region)
        self._offerings = {(one.pool, one.capacity_type): one for one in self._catalog.offerings}
        self._zones = {offering.zone for offering in self._catalog.offerings}
        source = scenario.market.recorded
        self._series = _chosen(scenario, source, self._path(source.folder)) if source else ()
        self._prices = read_price_table(self._path(scenario.market.prices)) if scenario.market.prices else {}
        self._workload = self._made_workload()
        self._made: Generator | None = None

    def stage(self, replication: int) -> Stage:
        """What a replication plays on: the same whenever it is asked for."""
        scenario = self.scenario
        spec = scenario.market
        seen = self._recorded(spec.recorded, replication) if spec.recorded else self._drawn(spec.generated, replication)
        tapes = tuple(self._tape(zone, name, steps=steps, stretch=seen.stretch) for zone, name, steps in seen.tapes)
        types = {tape.pool.instance_type: self._type(tape.pool.instance_type) for tape in tapes}
        self._check_room(types.values())
        market = Market(
            region=scenario.region,
            zones={tape.pool.zone_id: self._zone_of(tape.pool.zone_id) for tape in tapes},
            types=types,
            tapes=tapes,
            on_demand_usd_per_h={name: self._on_demand(name) for name in types},
            horizon_s=scenario.hours * SECONDS_PER_H,
            seed=(scenario.seed << 20) + replication,
            boot_s=spec.boot_s,
            notice=Notice(ahead_s=spec.notice.ahead_s, delay_s=spec.notice.delay_s, lost=spec.notice.lost),
        )
        history = History(name=scenario.name, pools=seen.pools, up=seen.up, tick_s=seen.tick_s, start=None)
        return Stage(
            market=market, catalog=replace(self._catalog, types=types, offerings=()), workload=self._workload,
            history=history, lead_s=seen.lead_s, start=seen.start or START,
        )  # fmt: skip

    def _path(self, named: str) -> Path:
        return self._data / named

    def _check_room(self, types: Iterable[InstanceType]) -> None:
        """Refuse pods for which there is no node: nobody could run them, and nobody's bill would show it."""
        if self.scenario.workload.job is not None:
            return
        rooms = [kind.allocatable for kind in types]
        for group in self._workload.groups:
            if not any(not group.requests.short_of(room) for room in rooms):
                raise InputError(f"deployment {group.name}", "", "has pods that fit on no type of the market")

    def _recorded(self, source: Recorded, replication: int) -> _Seen:
        tick_s = self._series[0].tick_s
        ticks = math.ceil(self.scenario.hours * SECONDS_PER_H / tick_s)
        lead = math.ceil(LEAD_S / tick_s)
        counts = np.stack([each.count for each in self._series])
        place = window(counts.shape[1], ticks, seed=self.scenario.seed, replication=replication)
        past = replace(place, first=place.first - lead, ticks=ticks + lead).of(counts)
        most = source.capacity or (1 if counts.max() <= 1 else int(counts.max()))
        here = [at for at, each in enumerate(self._series) if each.region == self.scenario.region]
        order = [*here, *(at for at in range(len(self._series)) if at not in here)]
        steps = (self._steps(past[at, lead:], source, tick_s=tick_s, most=most) for at in here)
        names = [(self._series[at].zone, self._series[at].instance_type) for at in here]
        return _Seen(
            pools=tuple(_seen_pool(self._series[at]) for at in order), up=past[order] > 0, tick_s=tick_s,
            lead_s=lead * tick_s, stretch=_stretch(source, tick_s, ticks=counts.shape[1], first=place.first),
            tapes=tuple((*name, step) for name, step in zip(names, steps, strict=True)),
        )  # fmt: skip

    def _steps(self, counts: NDArray[np.float64], source: Recorded, *, tick_s: float, most: int) -> Steps:
        times, capacity = capacity_steps(counts, tick_s=tick_s, most=most)
        limit = source.capacity or PLENTY
        return times, tuple(min(each, limit) for each in capacity)

    def _drawn(self, spec: Generated | None, replication: int) -> _Seen:
        if spec is None:
            raise InputError(self.scenario.name, "market", "must be recorded or generated")
        pools = self._offered(spec)
        groups = [{"zone": z.id, "type": n, "region": ""}[spec.burst_over] for z, n in pools]
        numbers = [sorted(set(groups)).index(group) for group in groups]
        rng = np.random.default_rng((self.scenario.seed, replication))
        horizon_s = LEAD_S + self.scenario.hours * SECONDS_PER_H
        steps = self._generator(spec).tapes(numbers, horizon_s=horizon_s, rng=rng)
        ticks = np.arange(0.0, horizon_s, SEEN_EVERY_S)
        up = np.stack([np.take(room, np.searchsorted(times, ticks, side="right") - 1) > 0 for times, room in steps])
        return _Seen(
            pools=tuple(SeenPool(region=self.scenario.region, zone=z.id, instance_type=n) for z, n in pools), up=up,
            tick_s=SEEN_EVERY_S, lead_s=LEAD_S,
            tapes=tuple((z.name, n, _after(step, LEAD_S)) for (z, n), step in zip(pools, steps, strict=True)),
        )  # fmt: skip

    def _offered(self, spec: Generated) -> list[tuple[Zone, str]]:
        """Pools of the zones that offer most of the types; types of the scenario's own are offered everywhere."""
        region, own = self.scenario.region, self.scenario.types
        pools = {
            zone: [
                name
                for name in spec.types
                if name in own
                or (Pool(region=region, zone_id=zone.id, instance_type=name), CapacityType.SPOT) in self._offerings
            ]
            for zone in self._zones
        }
        best = sorted(self._zones, key=lambda zone: (-len(pools[zone]), zone))[: spec.zones]
        if missing := set(spec.types) - {name for zone in best for name in pools[zone]}:
            raise InputError(f"type {min(missing)}", "", f"is not offered as Spot in {region}; name it in 'types'")
        return [(zone, name) for zone in best for name in pools[zone]]

    def _generator(self, spec: Generated) -> Generator:
        if self._made is None:
            self._made = self._new_generator(spec)
        return self._made

    def _new_generator(self, spec: Generated) -> Generator:
        capacity = spec.capacity or PLENTY
        if not spec.fitted_to:
            return Generator(
                up=Spans(mean_h=spec.up_h, shape=spec.up_shape), down=Spans(mean_h=spec.down_h, shape=spec.down_shape),
                bursts=Bursts(per_h=spec.bursts_per_h, share=spec.burst_share), capacity=capacity,
            )  # fmt: skip
        (recording, *_) = read_recordings(self._path(spec.fitted_to))
        groups = sorted({each.region for each in recording.series})
        numbers = [groups.index(each.region) for each in recording.series]
        try:
            return replace(fit(recording.up, numbers, tick_s=recording.tick_s), capacity=capacity)
        except ValueError as err:
            raise InputError(str(self._path(spec.fitted_to)), "", str(err)) from err

    def _tape(self, zone: str, name: str, *, steps: Steps, stretch: Stretch | None) -> PoolTape:
        pool = Pool(region=self.scenario.region, zone_id=self._zone_named(zone).id, instance_type=name)
        advised = self._advised_per_month(pool)
        market = self.scenario.market
        drawn = market.generated
        strain_h, strain_per_h = (drawn.strain_h, drawn.strain_per_h) if drawn else (0.0, 0.0)
        per_month = advised if market.interruption == "advisor" else float(market.interruption)
        single_per_h = -math.log1p(-min(per_month, 0.999999)) / HOURS_PER_MONTH
        told = advised
        if drawn is not None and market.told == "truth":
            told = -math.expm1(-HOURS_PER_MONTH * (single_per_h + self._generator(drawn).failures_per_h))
        return PoolTape(
            pool=pool, times_s=steps[0], capacity=steps[1], price=self._spot(zone, pool, stretch), told_per_month=told,
            strain_s=strain_h * SECONDS_PER_H, strain_per_h=strain_per_h, interruption_per_h=single_per_h,
        )  # fmt: skip

    def _advised_per_month(self, pool: Pool) -> float:
        known = self._offerings.get((pool, CapacityType.SPOT))
        return known.interruption_per_month if known else UNKNOWN_INTERRUPTION_PER_MONTH

    def _spot(self, zone: str, pool: Pool, stretch: Stretch | None) -> PriceCurve:
        """Prices of a table are those of the recording, and are played from where it is played."""
        table = self._prices.get((zone, pool.instance_type)) or self._prices.get((pool.zone_id, pool.instance_type))
        if table is None and self._prices:
            problem = f"has no prices of {pool.instance_type} in {zone} ({pool.zone_id}), which is in the market"
            raise InputError(str(self._path(self.scenario.market.prices)), "", problem)
        if table is not None:
            horizon_s = self.scenario.hours * SECONDS_PER_H
            return PriceCurve(*(table if stretch is None else stretch.prices(*table, horizon_s=horizon_s)))
        spec = self.scenario.types.get(pool.instance_type)
        if spec is not None:
            return constant_price(spec.spot_usd_per_h)
        known = self._offerings.get((pool, CapacityType.SPOT))
        if known is None:
            raise InputError(
                f"type {pool.instance_type}", "", f"has no Spot price in {pool.zone_id}; name it in 'types'"
            )
        return constant_price(known.price_usd_per_h)

    def _on_demand(self, name: str) -> float:
        spec = self.scenario.types.get(name)
        if spec is not None:
            return spec.on_demand_usd_per_h
        for (pool, capacity_type), offering in self._offerings.items():
            if pool.instance_type == name and capacity_type is CapacityType.ON_DEMAND:
                return offering.price_usd_per_h
        raise InputError(f"type {name}", "", f"has no on-demand price in {self.scenario.region}; name it in 'types'")

    def _type(self, name: str) -> InstanceType:
        spec = self.scenario.types.get(name)
        return _own_type(name, spec) if spec is not None else describe_type(name)

    def _zone_named(self, name: str) -> Zone:
        found = next((zone for zone in self._zones if name in (zone.name, zone.id)), None)
        if found is None:
            known = ", ".join(sorted(zone.name for zone in self._zones))
            raise InputError(f"zone {name}", "", f"is none of {self.scenario.region}, which has {known}")
        return found

    def _zone_of(self, zone_id: str) -> Zone:
        return self._zone_named(zone_id)

    def _made_workload(self) -> Workload:
        spec = self.scenario.workload
        groups = tuple(
            PodGroup(
                name=one.name, replicas=one.replicas, max_unavailable=one.max_unavailable, start_s=one.start_s,
                requests=_resources(one.cpu, one.memory_gib, gpus=one.gpus),
            )
            for one in spec.deployments
        )  # fmt: skip
        if spec.arrivals is None:
            return Workload(groups=groups)
        wanted = spec.arrivals
        arrivals = [
            Arrival(
                name=one.name, at_s=one.at_s / wanted.speed_up, runs_s=one.runs_s,
                requests=_resources(one.cpu_mcpu / MCPU_PER_CPU, one.memory_mib * MIB / GIB, gpus=one.gpus),
            )
            for one in read_arrivals(self._path(wanted.file), gpus=wanted.gpus)
            if one.cpu_mcpu <= wanted.most_cpu * MCPU_PER_CPU and one.memory_mib * MIB <= wanted.most_memory_gib * GIB
        ]  # fmt: skip
        if not arrivals:
            raise InputError(wanted.file, "", "has no pod within most_cpu and most_memory_gib")
        name, times = Counter(one.name for one in arrivals).most_common(1)[0]
        if times > 1:
            raise InputError(wanted.file, "name", f"{name} is there {times} times")
        return Workload(groups=groups, arrivals=tuple(arrivals[: wanted.first]))


def _chosen(scenario: Scenario, source: Recorded, folder: Path) -> tuple[Series, ...]:
    """Series of the recording that the scenario wants, each with the type that it is to have."""
    (recording, *others) = read_recordings(folder, repair=source.on_gap == "repair")
    if others:
        raise InputError(str(folder), "", f"holds {1 + len(others)} recordings; name the folder of one")
    chosen = [
        each
        for each in recording.series
        if (not source.zones or each.zone in source.zones) and (not source.types or each.instance_type in source.types)
    ]
    if not any(each.region == scenario.region for each in chosen):
        raise InputError(str(folder), "", f"has no pool of {scenario.region} among the zones and types asked for")
    first, last = _ticks(source, recording.tick_s, chosen[0].count.size, folder=folder)
    named = [replace(each, count=each.count[first:last]) for each in chosen]
    if source.as_type:
        named = [replace(each, instance_type=source.as_type) for each in named]
    pools = [(each.zone, each.instance_type) for each in named]
    if len(set(pools)) < len(pools):
        raise InputError(str(folder), "as_type", "gives two series of one zone the same type; choose some with 'types'")
    return tuple(named)


def _ticks(source: Recorded, tick_s: float, ticks: int, *, folder: Path) -> tuple[int, int]:
    first = round(source.from_h * SECONDS_PER_H / tick_s)
    last = ticks if source.until_h is None else min(ticks, round(source.until_h * SECONDS_PER_H / tick_s))
    if last - first < 2:
        raise InputError(str(folder), "from_h", f"and until_h leave nothing of {ticks * tick_s / SECONDS_PER_H:.1f} h")
    return first, last


def _stretch(source: Recorded, tick_s: float, *, ticks: int, first: int) -> Stretch:
    """Where in the whole recording a window of what was cut out of it lies."""
    begin_s = round(source.from_h * SECONDS_PER_H / tick_s) * tick_s
    return Stretch(first_s=begin_s, last_s=begin_s + ticks * tick_s, begin_s=begin_s + first * tick_s)


def _seen_pool(series: Series) -> SeenPool:
    return SeenPool(
        region=series.region, zone=series.zone, instance_type=series.instance_type, accelerators=series.accelerators
    )


def _after(steps: Steps, begin_s: float) -> Steps:
    """A tape from a later moment on."""
    times, capacity = np.array(steps[0]), steps[1]
    first = int(np.searchsorted(times, begin_s, side="right")) - 1
    return (0.0, *(float(t) - begin_s for t in times[first + 1 :])), capacity[first:]


def _resources(cpu: float, memory_gib: float, *, gpus: int) -> Resources:
    return Resources(
        cpu_mcpu=round(cpu * MCPU_PER_CPU), memory_bytes=round(memory_gib * GIB), pods=1,
        extended=(("nvidia.com/gpu", gpus),) if gpus else (),
    )  # fmt: skip


def _own_type(name: str, spec: InstanceTypeSpec) -> InstanceType:
    memory = round(spec.memory_gib * GIB)
    room = Resources(
        cpu_mcpu=spec.vcpu * MCPU_PER_CPU - _KUBE_MCPU, memory_bytes=round(memory * _KUBE_SHARE), pods=58,
        ephemeral_bytes=18 * GIB, extended=(("nvidia.com/gpu", spec.gpus),) if spec.gpus else (),
    )  # fmt: skip
    return InstanceType(
        name=name, arch=Arch.AMD64, vcpu=spec.vcpu, memory_bytes=memory, allocatable=room, gpu_count=spec.gpus
    )
