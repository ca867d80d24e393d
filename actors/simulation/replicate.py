"""One replication: the same market under every policy of the scenario, one row of figures for each."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from actors.simulation.hazard import Hazards, advised, load_model, modelled
from actors.simulation.hive import Hive
from actors.simulation.jobs import job_rows
from actors.simulation.ours import Conduct, Ours
from actors.simulation.stage import Builder, Stage
from adapters.scenarios.model import Ours as OursSpec
from adapters.scenarios.model import PolicySpec, Scenario
from domain.policy import Capacity, Policy
from solvers.replay.cluster import Cluster
from solvers.replay.market import SECONDS_PER_H
from solvers.replay.policies.autoscaler import Autoscaler
from solvers.replay.policies.karpenter import Karpenter
from solvers.replay.policies.on_demand import OnDemand
from solvers.replay.policies.refill import Refill
from solvers.replay.policy import Policy as SimulatedPolicy
from solvers.replay.tally import total
from solvers.replay.world import Tenancy, World

Row = dict[str, Any]

_SIMPLE: dict[str, Callable[[], SimulatedPolicy]] = {
    "on-demand": OnDemand, "karpenter": Karpenter, "cluster-autoscaler": Autoscaler, "refill": Refill,
}  # fmt: skip


class Replicator:
    """Runs replications of a scenario. Made once per process; each replication stands alone."""

    def __init__(self, scenario: Scenario, data: Path) -> None:
        self._scenario, self._data = scenario, data
        self._builder = Builder(scenario, data)

    def run(self, replication: int) -> list[Row]:
        """The rows of one replication, in the order of the policies."""
        stage = self._builder.stage(replication)
        job = self._scenario.workload.job
        if job is not None:
            return job_rows(job, self._scenario.policies, stage, replication=replication)
        beliefs = _Beliefs(stage, self._data)
        return [self._row(spec, stage, beliefs, replication=replication) for spec in self._scenario.policies]

    def _row(self, spec: PolicySpec, stage: Stage, beliefs: "_Beliefs", *, replication: int) -> Row:
        wanted = self._scenario.clusters
        tenancies = [
            Tenancy(tenant=f"tenant-{tenant}", workload=stage.workload)
            for tenant in range(wanted.tenants)
            for _ in range(wanted.per_tenant)
        ]
        ours = _merged(self._scenario.ours, spec)
        world = World(stage.market, tenancies, loss_share=ours.max_loss_share)
        tallies = world.run(self._maker(spec, ours, stage, world=world, beliefs=beliefs))
        head = {"replication": replication, "policy": spec.name, "hours": stage.market.horizon_s / SECONDS_PER_H}
        return {**head, "clusters": len(tenancies), **asdict(total(tallies)), "events": world.agenda.events}

    def _maker(
        self, spec: PolicySpec, ours: OursSpec, stage: Stage, *, world: World, beliefs: "_Beliefs"
    ) -> Callable[[Cluster], SimulatedPolicy]:
        simple = _SIMPLE.get(spec.policy)
        if simple is not None:
            return lambda _: simple()
        hives: dict[str, Hive] = {}
        hazards, conduct = beliefs.of(ours), _conduct(ours)

        def make(cluster: Cluster) -> Ours:
            whose = "" if ours.sharing else cluster.tenant
            if whose not in hives:
                hives[whose] = Hive(world.agenda, ttl_s=ours.flag_ttl_s, bus_delay_s=ours.bus_delay_s
                )  # fmt: skip
            return Ours(stage, hives[whose], hazards, conduct=conduct)

        return make


class _Beliefs:
    """Hazards by who speaks of them, computed once for a replication."""

    def __init__(self, stage: Stage, data: Path) -> None:
        self._stage, self._data = stage, data
        self._known: dict[str | None, Hazards] = {}

    def of(self, ours: OursSpec) -> Hazards:
        """What planning is told of risk."""
        source = (str(self._data / ours.model_file) if ours.model_file else "") if ours.model else None
        if source not in self._known:
            self._known[source] = advised(self._stage) if source is None else modelled(self._stage, load_model(source))
        return self._known[source]


def _merged(ours: OursSpec, spec: PolicySpec) -> OursSpec:
    """The scenario's settings with what the policy has of its own."""
    own = {name: value for name in OursSpec.model_fields if (value := getattr(spec, name, None)) is not None}
    return ours.model_copy(update=own)


def _conduct(ours: OursSpec) -> Conduct:
    return Conduct(
        policy=Policy(
            capacity=Capacity(ours.capacity), max_pool_share=ours.max_pool_share, max_loss_share=ours.max_loss_share,
            max_loss_probability=ours.max_loss_probability, risk_premium=ours.risk_premium,
        ),
        optimise_every_s=ours.optimise_every_h * SECONDS_PER_H, work_limit=ours.work_limit,
        routine_work_limit=ours.routine_work_limit, plan_s=ours.plan_s, agent_s=ours.agent_s,
    )  # fmt: skip
