"""What happens to clusters in simulated time."""

from dataclasses import asdict

import pytest

from domain.resources import Resources
from domain.units import GIB
from solvers.replay import Notice, Workload, World
from solvers.replay.machine import Machine
from solvers.replay.policies.autoscaler import Autoscaler
from solvers.replay.policies.base import Bystander
from solvers.replay.policies.karpenter import Karpenter
from solvers.replay.policies.on_demand import OnDemand
from solvers.replay.policies.refill import Refill
from solvers.replay.workload import Arrival
from solvers.replay.world import Tenancy
from tests.unit.replay.markets import HOUR, market, play, shop, tape

POLICIES = (OnDemand, Refill, Karpenter, Autoscaler)


class Idle(Refill):
    """Launches, and then does nothing whatever happens."""

    def on_notice(self, machine: Machine, ends_s: float) -> None:
        """Nothing."""

    def on_lost(self, machine: Machine) -> None:
        """Nothing."""


def test_on_demand_costs_its_price_and_is_never_interrupted() -> None:
    found = play(OnDemand(), market([tape(falls_at_s=HOUR)]))
    assert found.cost_usd == pytest.approx(2 * 10 * 0.2)
    assert (found.interruptions, found.lost_pod_min, found.on_demand_h) == (0, 0.0, 20.0)


def test_a_fall_of_capacity_takes_every_node_of_the_pool_after_the_notice() -> None:
    found = play(Idle(), market([tape(falls_at_s=HOUR)]))
    assert found.interruptions == 2
    assert found.spot_h == pytest.approx(2 * (1 + 120 / HOUR))
    assert found.kills >= 6


def test_capacity_that_remains_is_kept() -> None:
    half = tape()
    half = type(half)(pool=half.pool, times_s=(0.0, HOUR), capacity=(10, 1), price=half.price)
    assert play(Idle(), market([half])).interruptions == 1


def test_pods_that_are_lost_count_until_they_are_ready_again() -> None:
    found = play(Idle(), market([tape(falls_at_s=HOUR)], hours=2))
    assert found.lost_pod_min == pytest.approx(6 * (60 - 2))


def test_a_lost_notice_leaves_no_time_to_drain() -> None:
    silent = play(Refill(), market([tape(falls_at_s=HOUR), tape("use1-b")], notice=Notice(lost=1.0)))
    told = play(Refill(), market([tape(falls_at_s=HOUR), tape("use1-b")], notice=Notice(lost=0.0)))
    assert silent.drained == 0
    assert silent.kills > told.kills
    assert (silent.unannounced, told.unannounced) == (silent.interruptions, 0)


def test_a_launch_is_refused_where_there_is_no_room() -> None:
    found = play(Refill(), market([tape(capacity=1, price=0.05), tape("use1-b")]), shop(12))
    assert found.refused == 1
    assert found.spot_h == pytest.approx(30.0)


@pytest.mark.parametrize("policy", POLICIES, ids=lambda each: each.__name__)
def test_budgets_hold_at_every_moment(policy: type[Bystander]) -> None:
    class Watched(policy):  # type: ignore[misc, valid-type]
        def on_drained(self, machine: Machine) -> None:
            (group,) = self.cluster.groups
            if group.wanted - group.ready > 2:
                broken.append(self.cluster.now_s)
            super().on_drained(machine)

    broken: list[float] = []
    found = play(Watched(), market([tape(interruption_per_h=0.5), tape("use1-b", interruption_per_h=0.5)], hours=48))
    assert found.budget_breaches == 0
    assert not broken or found.kills


def test_a_node_that_a_policy_ends_with_pods_on_it_breaks_their_budget() -> None:
    class Rash(OnDemand):
        def on_quiet(self) -> None:
            if self.cluster.now_s == 0 and len(self.cluster.machines) > 1:
                self.cluster.agenda.at(HOUR, self.cluster.end, next(iter(self.cluster.machines.values())))

    assert play(Rash(), market(), shop(6, max_unavailable=1)).budget_breaches == 2


@pytest.mark.parametrize("policy", POLICIES, ids=lambda each: each.__name__)
def test_the_same_seed_gives_the_same_figures(policy: type[Bystander]) -> None:
    tapes = [tape(interruption_per_h=0.3), tape("use1-b", interruption_per_h=0.3, price=0.11)]
    runs = [asdict(play(policy(), market(tapes, hours=72))) for _ in range(2)]
    assert runs[0] == runs[1]
    assert asdict(play(policy(), market(tapes, hours=72, seed=2))) != runs[0] or policy is OnDemand


def test_the_fate_of_a_node_is_the_same_under_every_policy() -> None:
    tapes = [tape(interruption_per_h=0.05)]
    first = play(Idle(), market(tapes, hours=200), shop(1))
    other = play(Karpenter(), market(tapes, hours=200), shop(1))
    assert first.interruptions == 1
    assert other.interruptions >= 1


def test_karpenter_avoids_a_pool_that_took_a_node_and_no_pod_waits_for_ever() -> None:
    found = play(Karpenter(), market([tape(falls_at_s=HOUR, price=0.05), tape("use1-b")]))
    assert found.interruptions == 2
    assert found.lost_pod_min < 6 * 10


def test_karpenter_takes_on_demand_where_no_spot_is_left() -> None:
    found = play(Karpenter(), market([tape(falls_at_s=HOUR)]))
    assert found.on_demand_h > 0
    assert found.lost_pod_min < 6 * 10


def test_karpenter_goes_back_to_spot_when_it_is_there_again() -> None:
    plain = tape()
    back = type(plain)(pool=plain.pool, times_s=(0.0, HOUR, 3 * HOUR), capacity=(9, 0, 9), price=plain.price)
    found = play(Karpenter(), market([back]))
    assert 2 * 1.5 < found.on_demand_h < 2 * 3
    assert found.spot_h > 2 * 6


def test_the_autoscaler_grows_another_group_when_one_has_no_room() -> None:
    found = play(Autoscaler(), market([tape(falls_at_s=HOUR)]))
    assert found.on_demand_h > 0


def test_a_pod_that_comes_and_goes_begins_anew_when_it_is_moved() -> None:
    requests = Resources(cpu_mcpu=1000, memory_bytes=GIB, pods=1)
    arrivals = tuple(
        Arrival(name=f"p{n}", at_s=n * 60.0, runs_s=1800.0, requests=requests) for n in range(20)
    )  # fmt: skip
    workload = Workload(groups=shop().groups, arrivals=arrivals)
    calm = play(Karpenter(), market(), workload)
    stormy = play(Karpenter(), market([tape(falls_at_s=1500.0), tape("use1-b", price=0.11)]), workload)
    assert calm.finished == stormy.finished == 20
    assert stormy.reruns > calm.reruns


def test_clusters_share_the_room_of_a_market() -> None:
    world = World(market([tape(capacity=2)]), [Tenancy(tenant=name, workload=shop()) for name in "ab"])
    first, second = world.run(lambda _: Refill())
    assert first.spot_h == pytest.approx(20.0)
    assert second.on_demand_h == pytest.approx(20.0)


def test_a_strained_pool_takes_nodes_one_by_one_before_it_falls() -> None:
    plain = tape(falls_at_s=5 * HOUR)
    strained = type(plain)(
        pool=plain.pool, times_s=plain.times_s, capacity=plain.capacity, price=plain.price, strain_s=4 * HOUR,
        strain_per_h=1.0,
    )  # fmt: skip
    assert play(Idle(), market([strained]), shop(40)).spot_h < play(Idle(), market([plain]), shop(40)).spot_h


def test_a_large_loss_is_counted_once() -> None:
    assert play(Idle(), market([tape(falls_at_s=HOUR)])).large_losses == 1
