"""The simulated cluster as the production code sees it: snapshots, facts, catalogues."""

from dataclasses import replace
from datetime import datetime

from actors.cluster.records import NodeFacts
from actors.simulation.hazard import Hazards
from actors.simulation.stage import Stage
from domain import labels as keys
from domain.market import CapacityType, Catalog, Offering, Pool
from domain.node import DEFAULT_TEMPLATE, Node, labels_of_launched_node
from domain.selectors import LabelSelector, Operator, Requirement
from domain.snapshot import Snapshot
from domain.workload import Owner, Pod, PodDisruptionBudget
from solvers.replay.cluster import Cluster
from solvers.replay.machine import Machine, SimPod
from solvers.replay.machine import Stage as Step

APP = "app"


class Sight:
    """What is seen of one cluster. Pods and nodes that do not change are made once."""

    def __init__(self, cluster: Cluster, stage: Stage, hazards: Hazards) -> None:
        self._cluster, self._stage, self._hazards = cluster, stage, hazards
        self._pods: dict[str, Pod] = {}
        self._nodes: dict[str, Node] = {}
        self._offers: tuple[object, Catalog] | None = None
        self._zones = tuple(sorted(stage.market.zones.values()))
        self._on_demand = tuple(
            _offering(stage.market.region, zone.id, name, stage=stage, usd=usd)
            for name, usd in sorted(stage.market.on_demand_usd_per_h.items())
            for zone in self._zones
        )

    def snapshot(self, *, at: datetime) -> Snapshot:
        """The cluster as its agent would report it now: nodes that boot are not seen yet."""
        machines = [one for one in self._cluster.machines.values() if one.stage in (Step.READY, Step.CORDONED)]
        running = [pod for machine in machines for pod in machine.pods]
        pods = tuple(self._pod(pod) for pod in (*running, *self._cluster.pending))
        return Snapshot(
            region=self._stage.market.region, zones=self._zones, nodes=tuple(self._node(one) for one in machines),
            pods=tuple(sorted(pods, key=lambda pod: pod.key)), budgets=self._budgets(), templates=(DEFAULT_TEMPLATE,),
            observed_at=at,
        )  # fmt: skip

    def facts(self) -> tuple[NodeFacts, ...]:
        """Nodes as the state machine keeps them."""
        return tuple(
            NodeFacts(
                name=one.name,
                instance_id=one.instance_id,
                spot=one.spot,
                pool=pool_of(one, self._stage.market.region),
                cordoned=one.stage is Step.CORDONED,
            )
            for one in self._cluster.machines.values()
            if one.stage in (Step.READY, Step.CORDONED)
        )

    def catalog(self) -> Catalog:
        """Prices and risks as they are now."""
        now, market = self._cluster.now_s, self._stage.market
        prices = tuple(tape.price.at(now) for tape in market.tapes)
        key = (self._hazards.step(now), prices)
        if self._offers is None or self._offers[0] != key:
            spot = tuple(
                Offering(
                    pool=tape.pool, zone=market.zones[tape.pool.zone_id], capacity_type=CapacityType.SPOT,
                    price_usd_per_h=price, interruption_per_month=self._hazards.per_month(index, now),
                    price_known_by_zone=True,
                )
                for index, (tape, price) in enumerate(zip(market.tapes, prices, strict=True))
            )  # fmt: skip
            self._offers = (key, replace(self._stage.catalog, offerings=(*self._on_demand, *spot)))
        return self._offers[1]

    def _pod(self, pod: SimPod) -> Pod:
        known = self._pods.get(pod.key)
        if known is None:
            known = self._pods[pod.key] = _pod(pod)
        node = pod.node.name if pod.node else ""
        if known.node_name != node or known.ready != pod.ready:
            known = self._pods[pod.key] = replace(known, node_name=node, ready=pod.ready)
        return known

    def _node(self, machine: Machine) -> Node:
        known = self._nodes.get(machine.name)
        if known is None:
            known = self._nodes[machine.name] = self._new_node(machine)
        cordoned = machine.stage is Step.CORDONED
        return known if known.cordoned == cordoned else replace(known, cordoned=cordoned)

    def _new_node(self, machine: Machine) -> Node:
        capacity_type = CapacityType.SPOT if machine.spot else CapacityType.ON_DEMAND
        labels = labels_of_launched_node(
            DEFAULT_TEMPLATE, instance_type=machine.kind, zone=machine.zone, region=self._stage.market.region,
            capacity_type=capacity_type,
        )  # fmt: skip
        return Node(
            name=machine.name, labels=labels | {keys.HOSTNAME: machine.name}, allocatable=machine.kind.allocatable,
            zone=machine.zone, capacity_type=capacity_type, instance_type=machine.kind.name,
            template=DEFAULT_TEMPLATE.name, provider_id=f"aws:///{machine.zone.name}/{machine.instance_id}",
        )  # fmt: skip

    def _budgets(self) -> tuple[PodDisruptionBudget, ...]:
        return tuple(
            PodDisruptionBudget(
                namespace=group.spec.namespace, name=group.spec.name, selector=_selects(group.spec.name),
                disruptions_allowed=max(0, group.ready - (group.wanted - group.spec.max_unavailable)),
            )
            for group in self._cluster.groups
            if group.spec.max_unavailable is not None
        )  # fmt: skip


def pool_of(machine: Machine, region: str) -> Pool:
    """The capacity pool of a node, Spot or not."""
    return Pool(region=region, zone_id=machine.zone.id, instance_type=machine.kind.name)


def _pod(pod: SimPod) -> Pod:
    namespace, _, name = pod.key.partition("/")
    spec = pod.group.spec
    requests = pod.arrival.requests if pod.arrival else spec.requests
    return Pod(
        namespace=namespace, name=name, labels={APP: spec.name}, requests=replace(requests, pods=1),
        owner=None if pod.arrival else Owner(kind="Deployment", name=spec.name),
    )  # fmt: skip


def _selects(name: str) -> LabelSelector:
    return LabelSelector(requirements=(Requirement(key=APP, operator=Operator.IN, values=(name,)),))


def _offering(region: str, zone_id: str, name: str, *, stage: Stage, usd: float) -> Offering:
    return Offering(
        pool=Pool(region=region, zone_id=zone_id, instance_type=name), zone=stage.market.zones[zone_id],
        capacity_type=CapacityType.ON_DEMAND, price_usd_per_h=usd, price_known_by_zone=True,
    )  # fmt: skip
