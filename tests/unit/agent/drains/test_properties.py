"""Whatever runs on interrupted nodes: no budget is broken, and all that can be saved is gone before the deadline."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.drains.lanes import LONGEST_WAIT_S
from agent.drains.marks import DrainOrder
from agent.drains.order import END_MARGIN, GATHER, Drive
from agent.drains.registry import Drains
from agent.telemetry import Telemetry
from tests.unit.agent.twin import START, STATUS_LAG_S, Cluster, TwinClock, run

DEADLINE_S = 120.0
SLACK_S = 1.0 + GATHER.total_seconds()
"""What round trips, and waiting for one another, may take away from the time there is."""

Workload = tuple[tuple[tuple[int, int], ...], int | None]
"""Pods as (node, grace in seconds), and how many of them may be down at once (``None``: there is no budget)."""

WORKLOADS = st.lists(
    st.tuples(
        st.lists(st.tuples(st.integers(0, 4), st.sampled_from([0, 5, 30, 60, 110, 300])), min_size=2, max_size=8).map(
            tuple
        ),
        st.none() | st.integers(0, 3),
    ),
    min_size=1,
    max_size=8,
)
INTERRUPTED = ("n0", "n1", "n2")


def build(cluster: Cluster, workloads: Sequence[Workload]) -> None:
    for index in range(5):
        cluster.node(f"n{index}")
    for number, (pods, allowed) in enumerate(workloads):
        app = f"w{number}"
        metadata = {"namespace": "shop", "name": app}
        cluster.add("replicasets", {"metadata": metadata, "spec": {"replicas": len(pods)}})
        for index, (node, grace_s) in enumerate(pods):
            cluster.pod(
                f"{app}-{index}", node=f"n{node}", grace_s=grace_s, labels={"app": app}, owner=("ReplicaSet", app)
            )
        if allowed is not None:
            cluster.budget(app, app=app, min_available=len(pods) - allowed)


async def interrupt(cluster: Cluster, nodes: Sequence[str]) -> None:
    drains = Drains(cluster, TwinClock(), telemetry=Telemetry())
    deadline = START + timedelta(seconds=DEADLINE_S)
    orders = [DrainOrder(node=one, why="AWS takes it", drive=Drive.INTERRUPTED, deadline=deadline) for one in nodes]
    await asyncio.gather(*map(drains.drain, orders))
    await drains.close()
    await asyncio.sleep(DEADLINE_S - TwinClock().monotonic())
    for node in nodes:
        cluster.kill_node(node)


def can_be_saved(graces: Sequence[int], *, allowed: int | None, start_s: float) -> int:
    """How many pods an ideal order saves when each eviction blocks its place until a new pod has started."""
    last_moments = sorted(DEADLINE_S - END_MARGIN.total_seconds() - SLACK_S - grace for grace in graces)
    if allowed is None:
        return sum(last >= 0 for last in last_moments)
    saved = 0
    for last in last_moments if allowed else ():
        saved += (saved // allowed) * start_s <= last
    return saved


def check(cluster: Cluster, workloads: Sequence[Workload]) -> None:
    assert cluster.broken == []
    per_place_s = cluster.start_s + STATUS_LAG_S + LONGEST_WAIT_S + 0.1
    for number, (pods, allowed) in enumerate(workloads):
        going = [(index, grace) for index, (node, grace) in enumerate(pods) if f"n{node}" in INTERRUPTED]
        saved = sum(cluster.ended.get(f"w{number}-{index}", 1e9) <= DEADLINE_S for index, _ in going)
        wanted = can_be_saved([grace for _, grace in going], allowed=allowed, start_s=per_place_s)
        assert saved >= wanted, f"w{number}: {saved} of {wanted}"


@given(workloads=WORKLOADS)
@settings(max_examples=60)
def test_no_budget_is_broken_and_all_that_can_be_saved_is_gone_in_time(workloads: Sequence[Workload]) -> None:
    cluster = Cluster()
    build(cluster, workloads)
    run(interrupt(cluster, INTERRUPTED))
    check(cluster, workloads)


@given(workloads=WORKLOADS)
@settings(max_examples=20)
def test_nodes_that_do_not_go_keep_their_pods(workloads: Sequence[Workload]) -> None:
    cluster = Cluster()
    build(cluster, workloads)
    stay = {name for node in ("n3", "n4") for name in cluster.pods_on(node)}
    run(interrupt(cluster, INTERRUPTED))
    assert stay.isdisjoint(cluster.evicted)


def test_of_a_thousand_pods_on_twenty_nodes_all_are_gone_gracefully_in_time() -> None:
    cluster = Cluster()
    nodes = [f"n{index}" for index in range(20)]
    for name in [*nodes, "m0", "m1"]:
        cluster.node(name)
    for number in range(100):
        app = f"w{number}"
        places = [nodes[(number + index) % 20] for index in range(10)]
        cluster.workload(app, nodes=[*places, "m0", "m1"], grace_s=(5, 30, 60)[number % 3])
        cluster.budget(app, app=app, min_available=12 - (5, 6, 12)[number % 3])
    run(interrupt(cluster, nodes))
    assert cluster.broken == []
    assert cluster.killed == []
    assert len([name for name in cluster.ended if not name.endswith("x")]) == 1000
