"""The scorer at work: hears evidence, prices and what runs, keeps features, and tells planning the risk of a region.

Survives its own death: it begins with the state that it stored at the last tick, and reads the evidence since then.
"""

import asyncio
import os
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import numpy as np
import structlog

from actors.scoring.models import Loaded, ModelCopy, Served
from actors.scoring.pools import advised_pools
from actors.scoring.registry import register_carried
from actors.scoring.risk import RegionRisk, limits_of, prior_alone
from actors.scoring.standing import DRIFT_OVER, Drift, ScorerStanding
from actors.scoring.store import DOWN_FOR, IN_USE_FOR, TICK_S, AdvisedPool, FeatureStore, Places, compressed
from actors.services import Services
from adapters.postgres.failures import ConflictError
from domain.errors import InputError, SpotOptimizerError
from domain.lab import RiskState
from domain.market import Pool
from solvers.interruption.contract import Floats
from solvers.interruption.drift import judged
from solvers.interruption.history import SeenPool
from solvers.interruption.model import Prepared, Scores, loss_per_month, prepare, prior_scores, score_prepared

STATE = "pools"
"""Name under which the state of the features is stored."""
LISTEN_EVERY_S = 15.0
"""How often evidence is read: the flag it sets protects everybody at once; the figure may follow."""
OVERLAP = timedelta(minutes=2)
"""Evidence is stored by many processes: what was stored late is still read."""
KEPT = 64
"""Pools prepared for models: regions times the models that serve them."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """Pools of a region, and where they stand among all."""

    pools: tuple[Pool, ...]
    place: Places


class ScoringService:
    """Features and models of one process."""

    def __init__(self, services: Services, pools: Sequence[AdvisedPool] | None = None) -> None:
        self._services = services
        self._given = tuple(pools) if pools is not None else None
        self.models = ModelCopy(services)
        self.store: FeatureStore
        self._regions: dict[str, Region] = {}
        self._prepared: OrderedDict[tuple[str, int], Prepared] = OrderedDict()
        self._heard_until: datetime

    async def start(self) -> None:
        """Read what was stored, and the evidence since then."""
        services = self._services
        pools = self._given if self._given is not None else await asyncio.to_thread(advised_pools)
        try:
            async with services.database.platform() as tx:
                await register_carried(tx, services=services)
        except ConflictError:
            log.info("another process has registered the carried model")
        async with services.database.platform() as tx:
            stored = await tx.lab.state(STATE)
        now = services.clock.now()
        self.store = await asyncio.to_thread(_store, stored, pools, now)
        self._heard_until = stored.as_of if stored else now - DOWN_FOR
        for region in sorted({pool.region for pool in self.store.pools}):
            place = np.array([at for at, pool in enumerate(self.store.pools) if pool.region == region], dtype=np.int64)
            self._regions[region] = Region(pools=tuple(self.store.pools[at] for at in place), place=place)
        await self.models.refresh()
        await self.listen()

    async def run(self) -> None:
        """Hear what happens, for ever."""
        while True:
            await self._services.clock.sleep(LISTEN_EVERY_S)
            try:
                await self.listen()
            except SpotOptimizerError as err:
                log.warning("features of pools are not fed just now", error=str(err))

    async def listen(self) -> None:
        """Take in what was seen, and every tick that is due; a tick is stored."""
        now = self._services.clock.now()
        async with self._services.database.platform() as tx:
            evidence = await tx.pools.evidence(self._heard_until - OVERLAP)
            used = await tx.lab.pools_in_use(now - IN_USE_FOR)
        self.store.observe(evidence)
        self.store.used(used, at=now)
        self._heard_until = now
        if self.store.next_tick_at > now:
            return
        prices = await self._prices()
        self.store.step_to(now, prices=prices)
        await self._keep(now)

    def risk(self, region: str, *, cluster_id: UUID | None, running: Sequence[Pool] = ()) -> RegionRisk | None:
        """Risk of a region's pools for a cluster; ``None`` for a region that the catalogue does not know.

        Parameters
        ----------
        running
            Pools in which the cluster runs Spot nodes now.
        """
        self.store.used(running, at=self._services.clock.now())
        found, served = self._regions.get(region), self.models.served
        if found is None or served is None:
            return None
        loaded = served.of(cluster_id)
        scores, month = self._scored(region, loaded)
        per_month = {(p.zone_id, p.instance_type): float(m) for p, m in zip(found.pools, month, strict=True)}
        per_month |= self._of_instances(served, cluster_id, region)
        by_trees = int((~scores.by_prior).sum())
        notes = limits_of(loaded.model, version=loaded.version, by_trees=by_trees, pools=len(found.pools))
        return RegionRisk(
            region=region,
            model=loaded.version,
            per_month=per_month,
            notes=notes if loaded.trees else prior_alone(loaded.version),
        )

    async def drift(self) -> Drift:
        """How far the world has moved away from the model in production, by the rounds of the last days."""
        production = (await self.models.current()).production.id
        if production is None:
            return Drift()
        async with self._services.database.platform() as tx:
            rounds = await tx.lab.rounds(production, self._services.clock.now() - DRIFT_OVER)
        told = judged([one.outcome for one in rounds if one.outcome is not None])
        features = next((one.features for one in reversed(rounds) if one.features), {})
        return Drift(
            features={name: float(str(index)) for name, index in features.items()},
            rounds=told["rounds"], drops=told["drops"], log_loss=told["log_loss"],
            log_loss_of_the_mean=told["log_loss_of_the_mean"],
        )  # fmt: skip

    async def standing(self, drift: Drift) -> ScorerStanding:
        """How the scorer stands now."""
        served, now, store = await self.models.current(), self._services.clock.now(), self.store
        production = served.production
        return ScorerStanding(
            process=os.getpid(), model=production.version, by_trees=production.trees,
            registered_at=production.registered_at, read_at=served.read_at, others=len(served.others),
            broken=tuple(sorted(served.problems)), ticked_at=store.next_tick_at - timedelta(seconds=TICK_S), now=now,
            pools=len(store.pools), in_use=int(store.in_use(now).size), drift=drift,
        )  # fmt: skip

    def score_region(self, region: str, loaded: Loaded) -> Scores:
        """Probabilities of all pools of a region at all horizons, in one call, in the order of `pools_of`."""
        return self._scored(region, loaded)[0]

    def pools_of(self, region: str) -> tuple[Pool, ...]:
        """Pools of a region in the order of its scores."""
        return self._regions[region].pools

    def prepared_at(self, place: Places, loaded: Loaded) -> Prepared:
        """Make a model ready for the pools at these places."""
        seen: list[SeenPool] = [self.store.state.pools[at] for at in place]
        return prepare(loaded.model, seen, [self.store.buckets[at] for at in place])

    def scores_at(self, place: Places, loaded: Loaded, prepared: Prepared) -> Scores:
        """Scores of the pools at these places; by the prior alone where the model breaks its contract."""
        drops, up_h = self.store.drops()[place], self.store.up_h[place]
        if loaded.trees:
            try:
                return score_prepared(prepared, self.store.rows()[place], drops=drops, up_h=up_h)
            except InputError as err:
                log.error("scores break the contract: the prior serves", model=loaded.version, error=str(err))
        return prior_scores(prepared, drops=drops, up_h=up_h)

    def _scored(self, region: str, loaded: Loaded) -> tuple[Scores, Floats]:
        place, prepared = self._regions[region].place, self._prepare(region, loaded)
        scores = self.scores_at(place, loaded, prepared)
        return scores, loss_per_month(prepared, scores, drops=self.store.drops()[place], up_h=self.store.up_h[place])

    def _prepare(self, region: str, loaded: Loaded) -> Prepared:
        key = (region, id(loaded.model))
        found = self._prepared.get(key)
        if found is None or found.model is not loaded.model:
            found = self.prepared_at(self._regions[region].place, loaded)
            self._prepared[key] = found
            while len(self._prepared) > KEPT:
                self._prepared.popitem(last=False)
        return found

    def _of_instances(self, served: Served, cluster_id: UUID | None, region: str) -> dict[tuple[str, str], float]:
        """Risk of the pools of single instances that another model serves."""
        found = {}
        for switch, loaded in served.of_instances(cluster_id):
            _, month = self._scored(region, loaded)
            for pool, value in zip(self._regions[region].pools, month, strict=True):
                if switch.covers(pool):
                    found[pool.zone_id, pool.instance_type] = float(value)
        return found

    async def _prices(self) -> dict[Pool, int]:
        """Spot prices of all pools as Redis holds them."""
        found: dict[Pool, int] = {}
        for region, known in self._regions.items():
            names = sorted({pool.instance_type for pool in known.pools})
            for name, by_zone in (await self._services.hub.prices.get(region, names)).items():
                found |= {
                    Pool(region=region, zone_id=zone_id, instance_type=name): price
                    for zone_id, price in by_zone.items()
                }
        return found

    async def _keep(self, now: datetime) -> None:
        body = await asyncio.to_thread(compressed, self.store.arrays())
        async with self._services.database.platform() as tx:
            await tx.lab.put_state(RiskState(name=STATE, body=body, as_of=now, stored_at=now))


def _store(stored: RiskState | None, pools: Sequence[AdvisedPool], now: datetime) -> FeatureStore:
    return FeatureStore.unpacked(stored.body, pools, now=now) if stored else FeatureStore(pools, start=now)
