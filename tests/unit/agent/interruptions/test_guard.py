"""The guard: what it does by itself about nodes that go, and what it leaves to others."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

import pytest

from agent.drains.marks import CORDONED, DrainOrder, drain_of, is_cordoned
from agent.drains.mode import Mode
from agent.drains.order import Drive
from agent.drains.registry import Drains
from agent.interruptions.guard import InterruptionGuard
from agent.interruptions.notices import (
    INTERRUPTION_CONDITION,
    cleared_condition,
    interruption_condition,
    rebalance_condition,
)
from agent.interruptions.verdicts import LOST
from agent.kubernetes.errors import ForbiddenError
from agent.telemetry import Telemetry
from domain.wire.messages import AgentConfig
from tests.unit.agent.twin import START, Cluster, TwinClock, instance_of, run

JsonObject = dict[str, Any]
END = START + timedelta(seconds=120)
EKS = {"eks.amazonaws.com/nodegroup": "spot-workers"}


class Sink:
    def __init__(self) -> None:
        self.events: list[JsonObject] = []

    def put(self, event: JsonObject) -> None:
        self.events.append(event)


class Post:
    """A guard over a cluster in memory, with Spot nodes a and b."""

    def __init__(
        self, *, mode: Mode = Mode.DO, cluster: Cluster | None = None, labels: Any = None, wrong_by_s: float = 0.0
    ) -> None:
        self.cluster = cluster or Cluster()
        if cluster is None:
            self.cluster.node("a", labels=labels)
            self.cluster.node("b")
            self.cluster.workload("api", nodes=["a", "a", "b"], grace_s=10)
        self.sink = Sink()
        clock = TwinClock(wrong_by_s=wrong_by_s)
        self.drains = Drains(self.cluster, clock, telemetry=Telemetry())
        self.guard = InterruptionGuard(self.cluster, clock, drains=self.drains, events=self.sink, mode=mode)
        self.task = asyncio.create_task(self.guard.run())
        for name in [name for _, name in self.cluster.objects["nodes"]]:
            self.show(name)

    def show(self, name: str) -> None:
        """Let the guard's watch tell it a node as it is."""
        self.guard.on_node(self.cluster.read_node(name))

    def set_condition(self, name: str, condition: JsonObject) -> None:
        status = self.cluster.read_node(name)["status"]
        status["conditions"] = [one for one in status["conditions"] if one["type"] != condition["type"]] + [condition]
        self.show(name)

    def interrupt(self, name: str = "a", *, within_s: float = 120) -> None:
        now = TwinClock().now()
        end = START + timedelta(seconds=within_s)
        self.set_condition(name, interruption_condition("terminate", end, instance_id=instance_of(name), now=now))

    def ready(self, name: str, status: str) -> None:
        self.set_condition(name, {"type": "Ready", "status": status})

    def taint(self, name: str, key: str) -> None:
        self.cluster.read_node(name)["spec"]["taints"] = [{"key": key, "effect": "NoSchedule"}]
        self.show(name)

    def evictions(self) -> int:
        return len([path for path in self.cluster.paths("POST") if "eviction" in path])

    async def close(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await self.drains.close()


def at_post(main: Callable[[Post], Coroutine[Any, Any, None]], **changes: Any) -> None:
    async def whole() -> None:
        post = Post(**changes)
        await asyncio.sleep(0.1)
        await main(post)
        await post.close()

    run(whole())


def test_an_interrupted_node_is_cordoned_and_drained_at_once_and_told() -> None:
    async def main(post: Post) -> None:
        post.interrupt()
        await asyncio.sleep(1)
        assert is_cordoned(post.cluster.read_node("a"))
        assert sorted(post.cluster.evicted) == ["api-0", "api-1"]
        (event,) = post.sink.events
        assert (event["event_type"], event["event_id"]) == ("spot_interruption_warning", "i-a-interruption")

    at_post(main)


def test_nodes_of_which_nothing_is_said_are_left_alone() -> None:
    async def main(post: Post) -> None:
        await asyncio.sleep(300)
        assert post.cluster.calls == []
        assert post.sink.events == []

    at_post(main)


def test_the_same_interruption_seen_again_is_one_drain_and_one_event() -> None:
    async def main(post: Post) -> None:
        for _ in range(5):
            post.interrupt()
            await asyncio.sleep(3)
        post.taint("a", "aws-node-termination-handler/spot-itn")
        await asyncio.sleep(100)
        assert post.evictions() == 2
        assert len(post.sink.events) == 1

    at_post(main)


def test_a_drain_that_the_service_commands_at_the_same_time_is_the_same_drain() -> None:
    async def main(post: Post) -> None:
        post.interrupt()
        order = DrainOrder(node="a", why="the service asked for it", drive=Drive.INTERRUPTED, deadline=END)
        report = await post.drains.drain(order)
        assert len(report.left_node) == 2
        assert post.evictions() == 2

    at_post(main)


def test_a_later_nearer_deadline_tightens_the_drain_that_runs() -> None:
    async def main(post: Post) -> None:
        post.cluster.workload("one", nodes=["a"])
        post.interrupt(within_s=120)
        await asyncio.sleep(5)
        post.interrupt(within_s=70)
        await asyncio.sleep(60)
        assert post.cluster.evicted["one-0"] <= 70 - 30 - 5

    at_post(main)


def test_the_handlers_taint_is_acted_upon_as_well() -> None:
    async def main(post: Post) -> None:
        post.taint("a", "aws-node-termination-handler/spot-itn")
        await asyncio.sleep(1)
        assert len(post.cluster.evicted) == 2
        order = post.drains.order_of("a")
        assert order is not None
        assert order.deadline is not None
        assert 119 <= (order.deadline - START).total_seconds() <= 121

    at_post(main)


def test_a_recommendation_is_told_and_not_acted_upon() -> None:
    async def main(post: Post) -> None:
        post.set_condition("a", rebalance_condition(START, instance_id="i-a", now=START))
        await asyncio.sleep(60)
        assert [event["event_type"] for event in post.sink.events] == ["rebalance_recommendation"]
        assert post.cluster.calls == []

    at_post(main)


def test_what_karpenter_empties_is_left_to_karpenter_and_told_all_the_same() -> None:
    async def main(post: Post) -> None:
        post.taint("a", "karpenter.sh/disrupted")
        await asyncio.sleep(60)
        assert (post.cluster.calls, post.sink.events) == ([], [])
        post.interrupt(within_s=180)
        await asyncio.sleep(40)
        assert post.cluster.calls == []
        assert len(post.sink.events) == 1

    at_post(main)


def test_what_eks_has_cordoned_is_left_to_eks() -> None:
    async def main(post: Post) -> None:
        post.interrupt()
        await asyncio.sleep(3)
        post.cluster.read_node("a")["spec"]["unschedulable"] = True
        post.show("a")
        await asyncio.sleep(40)
        assert post.evictions() == 0
        assert len(post.sink.events) == 1

    at_post(main, labels=EKS)


def test_what_others_have_left_on_an_interrupted_node_is_seen_to_before_its_end() -> None:
    async def main(post: Post) -> None:
        post.cluster.pod("batch", node="a", annotations={"karpenter.sh/do-not-disrupt": "true"})
        post.taint("a", "karpenter.sh/disrupted")
        post.interrupt()
        await asyncio.sleep(50)
        assert {"api-0", "api-1", "batch"} <= set(post.cluster.evicted)
        assert min(post.cluster.evicted.values()) > 44

    at_post(main)


def test_what_eks_has_not_cordoned_a_moment_later_is_taken_over() -> None:
    async def main(post: Post) -> None:
        post.interrupt()
        await asyncio.sleep(14)
        assert post.evictions() == 0
        await asyncio.sleep(3)
        assert sorted(post.cluster.evicted) == ["api-0", "api-1"]

    at_post(main, labels=EKS)


def test_a_notice_whose_time_is_over_is_not_acted_upon() -> None:
    async def main(post: Post) -> None:
        await asyncio.sleep(200)
        post.interrupt(within_s=120)
        await asyncio.sleep(10)
        assert post.evictions() == 0

    at_post(main)


@pytest.mark.parametrize("wrong_by_s", [-600, -90, 90, 600])
def test_a_notice_that_comes_now_is_acted_upon_in_time_however_wrong_the_clock_is(wrong_by_s: float) -> None:
    async def main(post: Post) -> None:
        post.cluster.workload("one", nodes=["a"])
        post.interrupt()
        await asyncio.sleep(1)
        assert {"api-0", "api-1"} <= set(post.cluster.evicted)
        await asyncio.sleep(119)
        assert post.cluster.evicted["one-0"] <= 120 - 30 - 5

    at_post(main, wrong_by_s=wrong_by_s)


def test_a_spot_node_that_stays_lost_is_drained_after_a_while() -> None:
    async def main(post: Post) -> None:
        post.ready("a", "Unknown")
        await asyncio.sleep(29)
        assert post.evictions() == 0
        await asyncio.sleep(3)
        assert len(post.cluster.evicted) == 2
        assert post.sink.events == []

    at_post(main)


def test_a_node_that_comes_back_soon_is_left_alone() -> None:
    async def main(post: Post) -> None:
        post.ready("a", "Unknown")
        await asyncio.sleep(20)
        post.ready("a", "True")
        await asyncio.sleep(60)
        assert post.cluster.calls == []

    at_post(main)


def test_a_lost_node_that_comes_back_while_it_is_drained_is_given_back() -> None:
    async def main(post: Post) -> None:
        post.cluster.budget("strict", app="api", min_available=3)
        post.ready("a", "Unknown")
        await asyncio.sleep(35)
        assert is_cordoned(post.cluster.read_node("a"))
        post.ready("a", "True")
        await asyncio.sleep(5)
        assert not is_cordoned(post.cluster.read_node("a"))
        assert post.cluster.evicted == {}

    at_post(main)


def test_a_lost_node_that_the_service_wants_empty_too_is_not_given_back() -> None:
    async def main(post: Post) -> None:
        post.cluster.budget("strict", app="api", min_available=3)
        post.ready("a", "Unknown")
        await asyncio.sleep(35)
        post.drains.begin(DrainOrder(node="a", why="the service", drive=Drive.INTERRUPTED))
        post.ready("a", "True")
        await asyncio.sleep(5)
        assert is_cordoned(post.cluster.read_node("a"))

    at_post(main)


def test_a_node_that_starts_is_not_lost() -> None:
    async def main(post: Post) -> None:
        post.cluster.node("new")
        post.ready("new", "False")
        await asyncio.sleep(120)
        assert post.cluster.calls == []

    at_post(main)


def test_an_on_demand_node_that_is_lost_is_left_to_people() -> None:
    async def main(post: Post) -> None:
        post.cluster.node("od", spot=False)
        post.show("od")
        post.ready("od", "Unknown")
        await asyncio.sleep(120)
        assert post.cluster.calls == []

    at_post(main)


def test_when_many_nodes_are_lost_at_once_nothing_is_drained() -> None:
    async def main(post: Post) -> None:
        names = [f"n{index}" for index in range(8)]
        for name in names:
            post.cluster.node(name)
            post.show(name)
        for name in names[:5]:
            post.ready(name, "Unknown")
        await asyncio.sleep(300)
        assert post.cluster.calls == []
        for name in names[:4]:
            post.ready(name, "True")
        await asyncio.sleep(60)
        assert is_cordoned(post.cluster.read_node(names[4]))

    at_post(main)


@pytest.mark.parametrize("by", ["settings", "customer", "operator"])
def test_when_nothing_may_be_changed_it_only_tells(by: str) -> None:
    async def main() -> None:
        post = Post(mode=Mode.REHEARSE if by == "settings" else Mode.DO)
        post.guard.configure(AgentConfig(version=1, dry_run=by == "customer", safe_mode=by == "operator"))
        post.interrupt()
        await asyncio.sleep(60)
        assert post.cluster.calls == []
        assert len(post.sink.events) == 1
        await post.close()

    run(main())


def test_safe_mode_stops_a_drain_and_its_end_lets_it_go_on() -> None:
    async def main(post: Post) -> None:
        post.cluster.budget("api", app="api", min_available=2)
        post.interrupt()
        await asyncio.sleep(5)
        post.guard.configure(AgentConfig(version=2, safe_mode=True))
        await asyncio.sleep(40)
        assert len(post.cluster.evicted) == 1
        post.guard.configure(AgentConfig(version=3))
        await asyncio.sleep(5)
        assert len(post.cluster.evicted) == 2

    at_post(main)


def test_a_drain_that_an_agent_before_us_has_left_goes_on() -> None:
    async def main() -> None:
        first = Post()
        first.cluster.workload("one", nodes=["a"])
        first.interrupt()
        await asyncio.sleep(5)
        await first.close()
        assert drain_of(first.cluster.read_node("a")) is not None
        first.set_condition("a", cleared_condition(INTERRUPTION_CONDITION, now=START))
        second = Post(cluster=first.cluster)
        await asyncio.sleep(115)
        assert second.cluster.evicted["one-0"] <= 120 - 30 - 5
        await second.close()

    run(main())


def test_a_notice_without_a_time_keeps_the_deadline_that_the_first_leader_gave_it() -> None:
    async def main() -> None:
        first = Post()
        first.cluster.workload("one", nodes=["a"])
        first.taint("a", "aws-node-termination-handler/spot-itn")
        await asyncio.sleep(30)
        await first.close()
        second = Post(cluster=first.cluster)
        await asyncio.sleep(90)
        assert second.cluster.evicted["one-0"] <= 120 - 30 - 5
        await second.close()

    run(main())


def test_a_lost_node_that_came_back_while_nobody_led_is_given_back() -> None:
    async def main() -> None:
        first = Post()
        first.cluster.budget("strict", app="api", min_available=3)
        await asyncio.sleep(1)
        first.ready("a", "Unknown")
        await asyncio.sleep(35)
        await first.close()
        marked = drain_of(first.cluster.read_node("a"))
        assert marked is not None
        assert marked.why == LOST
        first.ready("a", "True")
        second = Post(cluster=first.cluster)
        await asyncio.sleep(1)
        assert CORDONED not in second.cluster.read_node("a")["metadata"]["annotations"]
        assert not is_cordoned(second.cluster.read_node("a"))
        await second.close()

    run(main())


def test_giving_a_node_back_is_tried_again_and_holds_up_nobody() -> None:
    async def main() -> None:
        first = Post()
        first.cluster.budget("strict", app="api", min_available=3)
        await asyncio.sleep(1)
        first.ready("a", "Unknown")
        await asyncio.sleep(35)
        await first.close()
        first.ready("a", "True")
        first.cluster.fail("PATCH .*nodes/a", ForbiddenError(403, "Forbidden", "grant verb 'patch'"))
        second = Post(cluster=first.cluster)
        second.interrupt("b")
        await asyncio.sleep(1)
        assert is_cordoned(second.cluster.read_node("a"))
        assert "api-2" in second.cluster.evicted or second.evictions()
        await asyncio.sleep(6)
        assert not is_cordoned(second.cluster.read_node("a"))
        await second.close()

    run(main())


def test_a_drain_that_rbac_denies_is_tried_again() -> None:
    async def main(post: Post) -> None:
        post.cluster.fail("PATCH .*nodes", ForbiddenError(403, "Forbidden", "grant verb 'patch'"), times=2)
        post.interrupt()
        await asyncio.sleep(12)
        assert len(post.cluster.evicted) == 2

    at_post(main)


def test_twenty_nodes_at_once_are_all_emptied_within_their_budgets() -> None:
    async def main(post: Post) -> None:
        names = [f"n{index}" for index in range(20)]
        for name in [*names, "spare"]:
            post.cluster.node(name)
        for number in range(20):
            app = f"w{number}"
            post.cluster.workload(app, nodes=[names[(number + index) % 20] for index in range(5)] + ["spare"])
            post.cluster.budget(app, app=app, min_available=4)
        for name in names:
            post.interrupt(name)
        await asyncio.sleep(120)
        for name in names:
            post.cluster.kill_node(name)
        assert post.cluster.broken == []
        assert post.cluster.killed == []
        assert len(post.sink.events) == 20

    at_post(main)


def test_a_node_that_is_gone_is_forgotten() -> None:
    async def main(post: Post) -> None:
        post.ready("a", "Unknown")
        await asyncio.sleep(1)
        post.cluster.kill_node("a")
        post.guard.on_node_gone("a")
        await asyncio.sleep(120)
        assert post.cluster.calls == []

    at_post(main)
